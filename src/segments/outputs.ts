import type { Resource } from '../store/resource.ts'

/** Always treated as a folder, with or without its final slash. Spec N.17. */
export function outputFolder(job: Resource<'batchSegmentJob'>): string {
  const path = job.doc.jobOutput.s3DataDestination?.path ?? ''
  return path.endsWith('/') ? path : `${path}/`
}

/** `items.jsonl` of `s3://bucket/in/items.jsonl` */
export const fileName = (url: string) => url.slice(url.lastIndexOf('/') + 1)

/** `<output folder><base name of the input>.scores.parquet`: the numbers, where a tag asks for them. */
export const scoresName = (folder: string, inputUrl: string) =>
  `${folder}${fileName(inputUrl)}.scores.parquet`

/** `<output folder><base name of the input>.out`. Spec D.6. */
export const outputName = (folder: string, inputUrl: string) => `${folder}${fileName(inputUrl)}.out`
