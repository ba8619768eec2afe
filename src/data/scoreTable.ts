import {
  type DuckDBConnection,
  DuckDBDataChunk,
  FLOAT,
  LIST,
  listValue,
  UINTEGER,
  VARCHAR,
} from '@duckdb/node-api'
import { slices } from '../slices.ts'
import { columnNumbers } from './duck.ts'

/** Users with the logs of their scores, line by line, that become one Parquet file. */
export type ScoreTable = {
  /** Users of a line, counted from 1, best first. */
  add(
    line: number,
    segment: { users: Uint32Array; logScores: Float32Array; expectedPerScore: number },
  ): Promise<void>
  /**
   * Writes `line`, `user`, `score`, `expected` and `probability`, each line's best user first; ids are in Parquet
   * files with `index` and `id`.
   */
  write(path: string, ids: string[]): Promise<void>
}

const columns = [UINTEGER, UINTEGER, UINTEGER, FLOAT, FLOAT]
/** Rows of one chunk, which is what DuckDB has in a vector. */
const chunkRows = 2048

/** An empty table on a connection of its own, which spills what outgrows the memory. */
export async function openScoreTable(connection: DuckDBConnection): Promise<ScoreTable> {
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE scored (
       "line" UINTEGER, place UINTEGER, "index" UINTEGER, logScore FLOAT, expectedPerScore FLOAT)`,
  )
  const appender = await connection.createAppender('scored')
  return {
    async add(line, { users, logScores, expectedPerScore }) {
      for await (const { from, to } of slices(users.length))
        for (let at = from; at < to; at += chunkRows) {
          const end = Math.min(to, at + chunkRows)
          const chunk = DuckDBDataChunk.create(columns, end - at)
          columnNumbers(chunk, 0, Uint32Array).fill(line)
          const places = columnNumbers(chunk, 1, Uint32Array)
          for (let k = 0; k < places.length; k++) places[k] = at + k
          columnNumbers(chunk, 2, Uint32Array).set(users.subarray(at, end))
          columnNumbers(chunk, 3, Float32Array).set(logScores.subarray(at, end))
          columnNumbers(chunk, 4, Float32Array).fill(expectedPerScore)
          for (const [n] of columns.entries()) chunk.getColumnVector(n).flush()
          appender.appendDataChunk(chunk)
        }
    },
    async write(path, ids) {
      appender.closeSync()
      await connection.run(
        `COPY (
           SELECT "line", id AS "user", CAST(exp(logScore) AS FLOAT) AS score,
             CAST(exp(logScore) * expectedPerScore AS FLOAT) AS expected,
             CAST(1 - exp(-exp(logScore)) AS FLOAT) AS probability
           FROM scored JOIN read_parquet($ids) USING ("index") ORDER BY "line", place
         ) TO $path (FORMAT parquet, COMPRESSION zstd)`,
        { path, ids: listValue(ids) },
        { path: VARCHAR, ids: LIST(VARCHAR) },
      )
    },
  }
}
