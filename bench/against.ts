/** `npm run bench -- NAME --against REV`: a benchmark on this tree and on another commit of it, in turns. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { BenchContext, BenchResult } from './bench.ts'

const bench = import.meta.dirname
const root = dirname(bench)

/** One thing that is measured: medians, and the least and the largest of the rounds' ratios. */
export type Compared = {
  readonly before: number
  readonly now: number
  readonly ratio: number
  readonly spread: readonly [least: number, most: number]
}

type Round = Readonly<Record<string, number>>

/** @param rounds what was measured in each round, before and now; what only one of both has is left out */
export function compare(rounds: readonly (readonly [before: Round, now: Round])[]): Readonly<Record<string, Compared>> {
  const [first, second] = rounds[0] ?? [{}, {}]
  const names = Object.keys(second).filter((name) => name in first)
  return Object.fromEntries(
    names.map((name) => {
      const [before, now] = [0, 1].map((side) => median(rounds.map((round) => round[side as 0 | 1][name]!))) as [number, number]
      const ratios = rounds.map(([one, other]) => other[name]! / one[name]!)
      return [name, { before, now, ratio: now / before, spread: [Math.min(...ratios), Math.max(...ratios)] }]
    }),
  )
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2
}

/** As a table for people. */
export function comparison(compared: Readonly<Record<string, Compared>>): string {
  const format = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 })
  const ratio = (value: number): string => value.toFixed(2)
  const rows = Object.entries(compared).map(
    ([name, { before, now, ratio: of, spread }]) =>
      [name, format.format(before), format.format(now), `${ratio(of)}×`, `${ratio(spread[0])} to ${ratio(spread[1])}`] as const,
  )
  const all = [['', 'before', 'now', 'ratio', 'of rounds'] as const, ...rows]
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => row[column]!.length)))
  return all
    .map(
      ([name, ...cells]) =>
        `  ${name.padEnd(widths[0]!)}${cells.map((cell, i) => `  ${cell.padStart(widths[i + 1]!)}`).join('')}`,
    )
    .join('\n')
}

/**
 * Runs a benchmark, as it is in this tree, on the code of both, round by round, each first in every second one: what else the machine does meanwhile
 * happens to both. Beside what it measures, `run_cpu_s` is the CPU of a whole run with all its processes.
 */
export async function against(
  name: string,
  { revision, rounds, progress }: { readonly revision: string; readonly rounds: number } & Pick<BenchContext, 'progress'>,
): Promise<Readonly<Record<string, Compared>>> {
  const commit = git('rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`)
  if (commit === undefined) throw new Error(`Cannot compare with "${revision}": it is no commit of this repository`)
  const folder = mkdtempSync(join(tmpdir(), 'dure-bench-against-'))
  try {
    progress(`Checking out ${commit.slice(0, 12)} …`)
    checkOut(commit, folder)
    const measured: [Round, Round][] = []
    for (let round = 0; round < rounds; round++) {
      const both: Round[] = []
      for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) {
        progress(`round ${round + 1} of ${rounds}: ${side === 0 ? revision : 'this tree'}`)
        both[side] = await run(name, side === 0 ? folder : root)
      }
      measured.push(both as [Round, Round])
    }
    return compare(measured)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function git(...words: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', words, { cwd: root, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

function checkOut(commit: string, folder: string): void {
  const archive = execFileSync('git', ['archive', '--format=tar', commit], { cwd: root, maxBuffer: 1024 * 1024 * 1024 })
  execFileSync('tar', ['-x', '-C', folder], { input: archive })
  rmSync(join(folder, 'bench'), { recursive: true, force: true })
  cpSync(bench, join(folder, 'bench'), { recursive: true, filter: (from) => basename(from) !== 'node_modules' })
  for (const place of nested('bench')) symlinkSync(join(root, place), join(folder, place))
  if (modulesOf(folder) !== modulesOf(root))
    return void execFileSync('npm', ['ci', '--loglevel=error', '--no-audit', '--no-fund'], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    })
  link(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const place of ['packages', 'examples'].flatMap(nested)) symlinkSync(join(root, place), join(folder, place))
}

/** What is installed for a tree, of others: each place and its version. */
function modulesOf(tree: string): string {
  const { packages } = JSON.parse(readFileSync(join(tree, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly link?: boolean }>>
  }
  const others = Object.entries(packages).filter(([place, { link }]) => place.includes('node_modules/') && link !== true)
  return JSON.stringify(others.map(([place, { version }]) => [place, version]))
}

/** Folders of modules below one of the tree's, from the root. */
function nested(below: string): string[] {
  return readdirSync(join(root, below), { withFileTypes: true }).flatMap((entry) => {
    if (!entry.isDirectory()) return []
    const place = join(below, entry.name)
    return entry.name === 'node_modules' ? [place] : entry.name === 'src' ? [] : nested(place)
  })
}

/** Links each module, and not their folder as a whole: our own packages are those that stand beside it. */
function link(from: string, to: string): void {
  mkdirSync(to)
  for (const name of readdirSync(from)) {
    const [module, made] = [join(from, name), join(to, name)]
    const isOurs = lstatSync(module).isSymbolicLink()
    if (name.startsWith('@') && !isOurs) link(module, made)
    else symlinkSync(isOurs ? readlinkSync(module) : module, made)
  }
}

/** One run in a process of its own. @throws when it fails */
async function run(name: string, tree: string): Promise<Round> {
  const file = join(tmpdir(), `dure-bench-${process.pid}.json`)
  const used = cpuOfEnded()
  try {
    const child = spawn(process.execPath, ['--conditions=dure-source', join(tree, 'bench/main.ts'), name, '--json', file], {
      cwd: tree,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => (said = `${said}${bytes.toString()}`.slice(-4_000)))
    const code = await new Promise<number | null>((resolve) => void child.on('close', resolve))
    if (code !== 0 || !existsSync(file)) throw new Error(`Cannot measure "${name}" in ${tree}: it ended with ${code}\n${said}`)
    const { ratios, figures } = JSON.parse(readFileSync(file, 'utf8')) as BenchResult
    const numbers = Object.entries({ ...figures, ...ratios }).map(([what, value]) => [what, median([value].flat())] as const)
    return { ...Object.fromEntries(numbers), ...(used !== undefined && { run_cpu_s: cpuOfEnded()! - used }) }
  } finally {
    rmSync(file, { force: true })
  }
}

/** Seconds of CPU of all processes that were begun from here and have ended; undefined where the system does not tell. */
function cpuOfEnded(): number | undefined {
  if (!existsSync('/proc/self/stat')) return undefined
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) / 100
}
