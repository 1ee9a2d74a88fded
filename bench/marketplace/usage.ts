import { readdirSync, readFileSync } from 'node:fs'

/** What a process and everything it has started use (Linux: read from /proc). */
export type Usage = {
  readonly processes: number
  /** User and system seconds since their start, those of children that have ended included. Linux counts in hundredths. */
  readonly cpuSeconds: number
  /** Resident megabytes, pages that several processes share counted for each. */
  readonly rssMb: number
  /** The same with shared pages counted once: each process bears its proportion. */
  readonly pssMb: number
}

/**
 * Processes whose command line `except` matches are left out, with what they started.
 * @throws {Error} when there is no such process
 */
export function usageOf(root: number, except?: RegExp): Usage {
  const stats = allStats()
  if (!stats.has(root)) throw new Error(`Cannot measure process ${root}: it does not run`)
  const left = (pid: number): boolean =>
    pid !== root && except?.test(textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')) === true
  const members = [root]
  // It grows while it is walked through.
  for (const one of members) for (const [pid, { parent }] of stats) if (parent === one && !left(pid)) members.push(pid)
  const memory = members.map((pid) => textOf(`/proc/${pid}/smaps_rollup`))
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)
  return {
    processes: members.length,
    cpuSeconds: sum(members.map((pid) => stats.get(pid)!.cpuSeconds)),
    rssMb: sum(memory.map((text) => megabytes(text, 'Rss'))),
    pssMb: sum(memory.map((text) => megabytes(text, 'Pss'))),
  }
}

type Stat = { readonly parent: number; readonly cpuSeconds: number }

function allStats(): Map<number, Stat> {
  const stats = new Map<number, Stat>()
  for (const name of readdirSync('/proc')) {
    const text = /^\d+$/.test(name) ? textOf(`/proc/${name}/stat`) : ''
    if (text === '') continue
    // The name of the program stands in brackets and may hold anything, brackets as well.
    const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ')
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
    stats.set(Number(name), { parent: Number(fields[1]), cpuSeconds: ticks / 100 })
  }
  return stats
}

/** Nothing, of a process that has ended meanwhile. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function megabytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) / 1024
}
