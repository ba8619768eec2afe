/**
 * The bytes of one answered line of an `.out` file. `input` is JSON text (`lineInput`), `ids` the user ids as JSON
 * strings with commas between, best user first, in chunks. AWS writes blanks between members and none between ids,
 * seen in three executed notebooks; spec D.6. `numbers`, ours, are further members of the output as JSON text, in chunks.
 */
export async function* segmentLine(
  input: string,
  ids: AsyncIterable<string | Uint8Array>,
  numbers: AsyncIterable<string> | Iterable<string> = [],
): AsyncGenerator<string | Uint8Array> {
  yield `{"input": ${input}, "output": {"usersList": [`
  yield* ids
  yield ']'
  yield* numbers
  yield '}, "error": null}\n'
}

/** The text of one failed line of an `.out` file, with its newline. Spec D.7, N.2, N.4. */
export const failedLine = (input: string, error: string): string =>
  `{"input": ${input}, "output": null, "error": ${JSON.stringify(error)}}\n`
