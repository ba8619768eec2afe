import { writeFile } from 'node:fs/promises'

/** One measured number, as `--json` writes it. */
export type Figure = {
  /** Dotted and stable: `import.5M.rows_per_second`. */
  name: string
  value: number
  unit: string
  /** Who or what was measured beside it in the same run. */
  peer?: string
  /**
   * `value` divided by the peer's value, which is in the same unit; of a row with a goal or of the
   * kernel the other way round where a smaller value is better, so that a larger ratio is better.
   */
  ratio?: number
  /** The ratio to reach, and the one hoped for. */
  must?: number
  stretch?: number
}

/** What it is compared with: a name and a number in the unit of the figure. */
export type Peer = { name: string; value: number }

/** A figure whose ratio is the larger, the better. */
export type Reached = {
  name: string
  value: number
  unit: string
  better: 'smaller' | 'larger'
  peer?: Peer | undefined
  goal?: { must: number; stretch?: number }
  note?: string
}

/**
 * Collects figures; each is printed to stderr as it comes, so that a long run tells how far it is.
 */
export function report() {
  const rows: (Figure & { peerValue?: number; note: string })[] = []
  const push = (row: (typeof rows)[number]) => {
    rows.push(row)
    process.stderr.write(`${row.name} ${row.value} ${row.unit}\n`)
  }
  return {
    add(name: string, value: number, unit: string, peer?: Peer, note = ''): void {
      const compared = peer && { peer: peer.name, ratio: rounded(value / peer.value) }
      const peerValue = peer && { peerValue: rounded(peer.value) }
      push({ name, value: rounded(value), unit, ...compared, ...peerValue, note })
    },
    /** Adds a figure that has a goal, or is of a kind that has. */
    reach({ name, value, unit, better, peer, goal, note }: Reached): void {
      const ratio = peer && (better === 'larger' ? value / peer.value : peer.value / value)
      const compared = peer && {
        ...{ peer: peer.name, ratio: rounded(ratio!), peerValue: rounded(peer.value) },
      }
      const notes = [goal && verdict(goal, ratio), note].filter(Boolean).join('; ')
      push({ name, value: rounded(value), unit, ...compared, ...goal, note: notes })
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

function verdict({ must, stretch }: { must: number; stretch?: number }, ratio: number | undefined) {
  const goal = stretch === undefined ? `must ${must}` : `must ${must} stretch ${stretch}`
  if (ratio === undefined) return `${goal}: not compared`
  if (stretch !== undefined && ratio >= stretch) return `${goal}: stretch reached`
  return `${goal}: ${ratio >= must ? 'ok' : 'MISSED'}`
}

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
