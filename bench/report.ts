import { writeFile } from 'node:fs/promises'

/** One measured number, as `--json` writes it. */
export type Figure = {
  /** Dotted and stable: `import.5M.rows_per_second`. */
  name: string
  value: number
  unit: string
  /** Who or what was measured beside it in the same run. */
  peer?: string
  /** `value` divided by the peer's value, which is in the same unit. */
  ratio?: number
}

/** What it is compared with: a name and a number in the unit of the figure. */
export type Peer = { name: string; value: number }

/**
 * Collects figures; each is printed to stderr as it comes, so that a long run tells how far it is.
 */
export function report() {
  const rows: (Figure & { peerValue?: number; note: string })[] = []
  return {
    add(name: string, value: number, unit: string, peer?: Peer, note = ''): void {
      const compared = peer && { peer: peer.name, ratio: rounded(value / peer.value) }
      const peerValue = peer && { peerValue: rounded(peer.value) }
      rows.push({ name, value: rounded(value), unit, ...compared, ...peerValue, note })
      process.stderr.write(`${name} ${rounded(value)} ${unit}\n`)
    },
    /** The table of all figures. */
    table(): string {
      const cells = rows.map(({ name, value, unit, peer, peerValue, ratio, note }) => [
        name,
        number(value),
        unit,
        peer === undefined ? '' : `${ratio} x ${peer} (${number(peerValue!)})`,
        note,
      ])
      return aligned([['figure', 'value', 'unit', 'ratio to peer or limit', 'note'], ...cells])
    },
    async writeJson(path: string): Promise<void> {
      const figures = rows.map(({ peerValue: _, note: __, ...figure }): Figure => figure)
      await writeFile(path, `${JSON.stringify(figures, undefined, 2)}\n`)
    },
  }
}
export type Report = ReturnType<typeof report>

/** The middle of an odd number of measurements. */
export const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >>> 1]!

/** Four significant digits; whole from 1,000 on. */
const rounded = (value: number) =>
  value >= 1000 ? Math.round(value) : Number(value.toPrecision(4))

const number = (value: number) => value.toLocaleString('en-US', { maximumSignificantDigits: 6 })

/** Columns as wide as their widest cell; the second, of numbers, to the right. */
function aligned(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, k) => (k === 1 ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
