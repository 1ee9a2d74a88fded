import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BenchContext, BenchResult } from '../bench.ts'
import { bareReady, bareReload } from './bare.ts'
import { installed } from './installed.ts'
import { newProject, npm, packed } from './project.ts'
import { dureReady, dureReload } from './ready.ts'

/** Nothing here is compared with another package inside this process. */
export const peers = false

const STARTS = 9
const CHANGES = 9

/**
 * The first hour, by a clock: how long a new project takes to be written, its system to answer, a change of a handler
 * to be seen; and what `dure` weighs on the disk. Everything from the tarballs as a user gets them, in folders outside this
 * repository. Beside it the floor: a bare HTTP server of Node on `node:sqlite`, started the same way and started
 * again by `node --watch`; the same npm that runs an empty package; and Fastify on the disk.
 *
 * Each figure is the median of its runs. Ours and the bare ones take turns, so that other work on the machine slows both.
 */
export async function bench({ progress }: BenchContext): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'dure-bench-start-'))
  try {
    progress('packing')
    const tarballs = join(directory, 'tarballs')
    packed(tarballs)
    progress('npm create dure, and an empty package the same way')
    const created = newProject({ directory, tarballs })
    progress('npm install in the new project')
    const install = timed(() => npm(['install'], created.folder))
    const started = await starts(progress, created.folder)
    const reloaded = await reloads(progress, created.folder)
    progress('the size of dure, and of Fastify')
    const dure = installed(join(directory, 'alone'), join(tarballs, `dure-${created.version}.tgz`))
    const fastify = installed(join(directory, 'fastify'), `fastify@${fastifyVersion()}`)
    return {
      ratios: {
        create_vs_empty_package: created.seconds / created.emptySeconds,
        ready_vs_bare: median(started.ours) / median(started.bare),
        reload_vs_bare: median(reloaded.ours) / median(reloaded.bare),
        install_vs_fastify: dure.megabytes / fastify.megabytes,
      },
      figures: {
        create_seconds: created.seconds,
        create_program_seconds: created.programSeconds,
        empty_package_seconds: created.emptySeconds,
        project_install_seconds: install,
        ready_ms: median(started.ours),
        ready_ms_runs: started.ours,
        ready_first_ms: started.first,
        dev_ready_ms: median(started.dev),
        bare_ready_ms: median(started.bare),
        reload_ms: median(reloaded.ours),
        reload_ms_runs: reloaded.ours,
        bare_reload_ms: median(reloaded.bare),
        install_mb: dure.megabytes,
        packages: dure.packages,
        fastify_mb: fastify.megabytes,
        fastify_packages: fastify.packages,
      },
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function starts(
  progress: BenchContext['progress'],
  project: string,
): Promise<{ first: number; ours: number[]; dev: number[]; bare: number[] }> {
  const once = (command: 'start' | 'dev', run: number): Promise<number> =>
    dureReady({ project, command, data: join(project, `.dure-${command}-${run}`) })
  progress('the first start, of which nothing is compiled yet')
  const first = await once('start', 0)
  const ours: number[] = []
  const dev: number[] = []
  const bare: number[] = []
  for (let run = 1; run <= STARTS; run++) {
    progress(`start ${run} of ${STARTS}`)
    ours.push(await once('start', run))
    dev.push(await once('dev', run))
    bare.push(await bareReady(project, run))
  }
  return { first, ours, dev, bare }
}

async function reloads(progress: BenchContext['progress'], project: string): Promise<{ ours: number[]; bare: number[] }> {
  progress(`${CHANGES} changes of a handler, and of a bare server`)
  return { ours: await dureReload(project, CHANGES), bare: await bareReload(project, CHANGES) }
}

/** The one that the other benchmarks compare with. */
function fastifyVersion(): string {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
    readonly dependencies: { readonly fastify: string }
  }
  return manifest.dependencies.fastify
}

function timed(work: () => void): number {
  const started = performance.now()
  work()
  return (performance.now() - started) / 1_000
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}
