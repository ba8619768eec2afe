import type { Caller } from '../context.ts'
import type { Tx } from '../store/database.ts'
import { list, type SnapshotFiles } from '../store/resource.ts'
import { referenced } from './lookup.ts'

/**
 * The files that a dataset group holds now. Recorded with each job, so
 * that a rerun reads the same data.
 */
export async function snapshotOf(
  tx: Tx,
  caller: Caller,
  datasetGroupArn: string,
): Promise<SnapshotFiles> {
  const snapshot: SnapshotFiles = { interactions: [], items: [], users: [], schemas: {} }
  for (const { doc, internal } of await list(tx, caller, 'dataset', { parent: datasetGroupArn })) {
    const part = doc.datasetType.toLowerCase()
    if (part !== 'interactions' && part !== 'items' && part !== 'users') continue
    snapshot[part] = internal.files ?? []
    snapshot.schemas[part] = (await referenced(tx, caller, 'schema', doc.schemaArn)).doc.schema
  }
  return snapshot
}
