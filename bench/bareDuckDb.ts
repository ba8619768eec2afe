import { DuckDBInstance } from '@duckdb/node-api'

// The limit of an import: DuckDB's own CSV reader straight into the same Parquet format.
// Prints seconds and peak memory.
const [csv = '', out = '', threads = '', memoryBytes = ''] = process.argv.slice(2)
const instance = await DuckDBInstance.create(':memory:', {
  threads,
  memory_limit: `${memoryBytes}B`,
})
const connection = await instance.connect()
const began = performance.now()
await connection.run(
  `COPY (SELECT * FROM read_csv($csv, header = true, columns = {
     'USER_ID': 'VARCHAR', 'ITEM_ID': 'VARCHAR', 'TIMESTAMP': 'BIGINT', 'EVENT_TYPE': 'VARCHAR'}))
   TO $out (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`,
  { csv, out },
)
const seconds = (performance.now() - began) / 1000
const peakMb = (process.resourceUsage().maxRSS * 1024) / 1e6
process.stdout.write(`${JSON.stringify({ seconds, peakMb })}\n`)
