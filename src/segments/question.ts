import type { Context } from '../context.ts'
import type { SegmentRequest } from '../engine/engine.ts'
import { invalidInput } from '../errors.ts'
import type { OpenVersion } from './models.ts'
import { asker, type Source } from './segmentAnswers.ts'

/**
 * What one line asks and which users may answer it, as a job would understand it. What a job would write as the line's
 * error becomes an InvalidInputException.
 */
export async function question(
  ctx: Context,
  opened: OpenVersion,
  source: Source,
  line: string,
): Promise<SegmentRequest> {
  const asked = await asker(ctx, opened, source).ask(line)
  if ('error' in asked) throw invalidInput(asked.error)
  return asked.request
}
