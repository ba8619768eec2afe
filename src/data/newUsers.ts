import { LIST, listValue, UINTEGER, VARCHAR } from '@duckdb/node-api'
import { chunksOf, columnNumbers, type Duck, withConnection } from './duck.ts'
import type { MaskSnapshot } from './userMask.ts'

/** Users of a snapshot of whom a model knows nothing, in a Parquet file like the model's own: `index`, `id`. */
export type NewUsers = {
  path: string
  /** Their indexes, in the order of their ids, lie behind those of the model's users, up to this. */
  end: number
  /** The ids of these indexes, ascending, as JSON strings with commas between, in chunks. */
  idText(indexes: Uint32Array): AsyncGenerator<string>
}

/**
 * Finds users with a record or an event that `modelUsers`, a Parquet file with 0..userCount-1, lacks; writes `path`. The
 * snapshot has files of interactions or of users.
 */
export async function findNewUsers(
  duck: Duck,
  snapshot: MaskSnapshot,
  modelUsers: string,
  userCount: number,
  path: string,
  signal: AbortSignal,
): Promise<NewUsers> {
  const found = await withConnection(
    duck,
    (connection) =>
      connection.run(
        `COPY (
           SELECT CAST($userCount + row_number() OVER (ORDER BY id) - 1 AS UINTEGER) AS "index", id
           FROM (SELECT DISTINCT USER_ID AS id FROM read_parquet($paths, union_by_name = true))
           ANTI JOIN read_parquet($modelUsers) USING (id) ORDER BY id
         ) TO $path (FORMAT parquet)`,
        {
          ...{ userCount, modelUsers, path },
          paths: listValue([...snapshot.interactions, ...snapshot.users]),
        },
        { userCount: UINTEGER, modelUsers: VARCHAR, path: VARCHAR, paths: LIST(VARCHAR) },
      ),
    signal,
  )
  return {
    path,
    end: userCount + found.rowsChanged,
    async *idText(indexes) {
      const connection = await duck.connect()
      try {
        const rows = await connection.stream(
          'SELECT "index", to_json(id)::VARCHAR FROM read_parquet($path) ORDER BY 1',
          { path },
        )
        let at = 0
        for await (const chunk of chunksOf(rows)) {
          const ids = chunk.getColumnValues(1)
          const texts: unknown[] = []
          for (const [row, index] of columnNumbers(chunk, 0, Uint32Array).entries()) {
            if (index !== indexes[at]) continue
            texts.push(ids[row])
            at++
          }
          if (texts.length > 0) yield (at > texts.length ? ',' : '') + texts.join(',')
          if (at === indexes.length) return
        }
      } finally {
        connection.closeSync()
      }
    },
  }
}
