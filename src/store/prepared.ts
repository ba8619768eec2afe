import { type PGlite, protocol, types } from '@electric-sql/pglite'
import type { CompiledQuery, QueryResult } from 'kysely'

/** A statement that Postgres has read: the types of its parameters and its columns. */
type Statement = { name: string; parameters: number[]; columns: { name: string; type: number }[] }

/** Statements kept at once; a text with a list of its own length is another one. */
const statementsMax = 200

const { serialize, messages } = protocol
const nodes = ['SelectQueryNode', 'InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode']

/**
 * Runs queries as prepared statements: reading and planning a text again costs the embedded Postgres
 * ten times as much as finding a row. `otherwise` runs what cannot be prepared, and texts beyond
 * the most that are kept.
 */
export function preparing(
  pglite: PGlite,
  otherwise: <Row>(query: CompiledQuery) => Promise<QueryResult<Row>>,
): <Row>(query: CompiledQuery) => Promise<QueryResult<Row>> {
  const statements = new Map<string, Statement>()
  const send = async (...parts: Uint8Array[]) =>
    (await pglite.execProtocol(Buffer.concat(parts), { syncToFs: false })).messages

  const prepare = async (text: string): Promise<Statement> => {
    const name = `s${statements.size}`
    const said = await send(
      serialize.parse({ name, text }),
      serialize.describe({ type: 'S', name }),
      serialize.sync(),
    )
    const statement: Statement = { name, parameters: [], columns: [] }
    for (const message of said) {
      if (message instanceof messages.ParameterDescriptionMessage)
        statement.parameters = message.dataTypeIDs
      if (message instanceof messages.RowDescriptionMessage)
        statement.columns = message.fields.map((field) => ({
          name: field.name,
          type: field.dataTypeID,
        }))
    }
    statements.set(text, statement)
    return statement
  }

  const execute = async <Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> => {
    const statement = statements.get(sql) ?? (await prepare(sql))
    const values = statement.parameters.map((type, n) => {
      const value = parameters[n]
      if (value === null || value === undefined) return null
      return pglite.serializers[type]?.(value) ?? String(value)
    })
    const said = await send(
      serialize.bind({ statement: statement.name, values }),
      serialize.execute({}),
      serialize.sync(),
    )
    const rows: Record<string, unknown>[] = []
    let numAffectedRows: bigint | undefined
    for (const message of said) {
      if (message instanceof messages.DataRowMessage) rows.push(rowOf(statement, message.fields))
      if (message instanceof messages.CommandCompleteMessage)
        numAffectedRows = BigInt(/\d+$/.exec(message.text)?.[0] ?? 0)
    }
    return { rows: rows as Row[], ...(numAffectedRows !== undefined && { numAffectedRows }) }
  }

  const rowOf = ({ columns }: Statement, fields: (string | null)[]) =>
    Object.fromEntries(
      columns.map(({ name, type }, n) => {
        const field = fields[n] ?? null
        return [name, field === null ? null : types.parseType(field, type, pglite.parsers)]
      }),
    )

  return (query) =>
    nodes.includes(query.query.kind) &&
    (statements.has(query.sql) || statements.size < statementsMax)
      ? pglite.runExclusive(() => execute(query))
      : otherwise(query)
}
