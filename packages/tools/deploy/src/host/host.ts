/** Releases as processes of this machine: each copy under a supervisor of its own, which goes on when the deployer has ended. */
import { join } from 'node:path'
import { realRuntime } from 'dure/runtime'
import {
  behindGateway,
  isRunning,
  startDetached,
  stateOf,
  stopDetached,
  type BehindGateway,
  type BehindGatewayOptions,
  type CopyRun,
  type Wanted,
} from '../target/target.ts'

export type HostOptions = BehindGatewayOptions & {
  /** What runs a copy: a program for Node, with its words, in a folder. It is supervised, so it says `ready` (`dure start` does). */
  readonly program: (run: CopyRun) => HostProgram
  /** Megabytes that the heap of a process of it may grow to, at which it ends and is started again. Default: Node's own. */
  readonly memory?: number
  /** Milliseconds a copy may take to finish what is under way before it is killed. Default 20,000. */
  readonly shutdownTimeout?: number
  /** Why this may not run here, beyond what every target says: none by default. */
  readonly refused?: (wanted: Wanted) => readonly string[]
}

export type HostProgram = {
  readonly program: readonly string[]
  readonly cwd: string
  /** Options of Node. */
  readonly node?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * Runs releases as processes of this machine.
 *
 * @example
 * ```ts
 * import { dureStart, host } from '@dure/deploy'
 *
 * const target = host({
 *   directory: '.deploy',
 *   port: 8080,
 *   // Where the files of each release are: a checkout, or an unpacked archive.
 *   program: (run) => dureStart(run, { folder: `/srv/shop/${run.release.version}` }),
 * })
 * console.log(target.name, await target.list()) // → host []
 * ```
 */
export function host(options: HostOptions): BehindGateway {
  const { program, memory, shutdownTimeout = 20_000, refused, runtime = realRuntime() } = options
  const { timers } = runtime
  return behindGateway(
    {
      name: 'host',
      ...(refused !== undefined && { refused }),
      start: async (run) => {
        const what = program(run)
        await startDetached(
          {
            ...{ folder: run.folder, shutdownTimeout },
            process: {
              ...{ name: run.name, program: what.program, cwd: what.cwd },
              ...(what.node !== undefined && { node: what.node }),
            },
            env: {
              ...run.environment,
              ...what.environment,
              ...(memory !== undefined && { NODE_OPTIONS: `--max-old-space-size=${memory}` }),
              PORT: String(run.port),
              DURE_DATA: join(run.folder, 'data'),
            },
          },
          timers,
        )
      },
      stop: ({ folder }) => stopDetached(folder, shutdownTimeout, timers),
      state: async ({ folder }) => {
        const state = isRunning(folder) ? 'running' : 'ended'
        const { restarts, reason = state === 'ended' ? `it has ended; see the log in "${folder}"` : undefined } = stateOf(folder)
        return { state, restarts, ...(reason !== undefined && { reason }) }
      },
    },
    options,
  )
}

/**
 * A copy as `dure start` runs it, from the folder of a project.
 *
 * @example
 * ```ts
 * import { dureStart } from '@dure/deploy'
 *
 * console.log(dureStart({ port: 7001 }, { folder: '/srv/shop/1.4.0' }).program.slice(1)) // → [ 'start', '--port', '7001' ]
 * ```
 */
export function dureStart(
  { port }: Pick<CopyRun, 'port'>,
  { folder, words = [] }: { readonly folder: string; readonly words?: readonly string[] },
): HostProgram {
  return { program: [join(folder, 'node_modules/@dure/cli/bin/dure.js'), 'start', ...words, '--port', String(port)], cwd: folder }
}
