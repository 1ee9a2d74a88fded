/** Releases as containers of this machine, by the commands of podman or Docker, behind the same gateway. */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import {
  behindGateway,
  describedTrouble,
  writeAtomically,
  type BehindGateway,
  type BehindGatewayOptions,
  type CopyHost,
  type CopyState,
} from '../target/target.ts'
import type { Release } from '../release.ts'

export type ContainerOptions = BehindGatewayOptions & {
  /** The command and its first words. Default `podman`. */
  readonly engine?: readonly [command: string, ...words: readonly string[]]
  /** More of its environment, such as `CONTAINERS_CONF`. */
  readonly environment?: Readonly<Record<string, string>>
  /** The image of a release, as the engine knows it. Default: its reference, which names a digest. */
  readonly image?: (release: Release) => string
  /** Words behind the image. Default: those of the image. */
  readonly words?: (release: Release) => readonly string[]
  /** Megabytes, at which a container is killed and started again. Default: no limit. */
  readonly memory?: number
  /** More words of `run`, such as a network. */
  readonly options?: readonly string[]
  /** Milliseconds a container may take to finish what is under way before it is killed. Default 20,000. */
  readonly shutdownTimeout?: number
}

/** Where the doors of an image listen. */
const PORT = 8080
/** How often one that falls over is started again. */
const RESTARTS = 10
const run = promisify(execFile)
const LONGEST = 16 << 20

/**
 * Runs releases as containers: as nobody, without capabilities, on a file system that cannot be written but for `/data` and `/tmp`.
 *
 * @example
 * ```ts
 * import { container } from '@dure/deploy'
 *
 * const target = container({ directory: '.deploy/containers', port: 8080, memory: 256 })
 * console.log(target.name, await target.list()) // → container []
 * ```
 */
export function container(options: ContainerOptions): BehindGateway {
  const { engine = ['podman'], environment, memory, options: more = [], shutdownTimeout = 20_000, words = () => [] } = options
  const [command, ...first] = engine
  const image = options.image ?? imageOf
  const ask = async (...asked: readonly string[]): Promise<string> => {
    try {
      const { stdout } = await run(command, [...first, ...asked], { maxBuffer: LONGEST, env: { ...process.env, ...environment } })
      return stdout.trim()
    } catch (cause) {
      const { stderr = '', message } = cause as Error & { readonly stderr?: string }
      throw describedTrouble(`have ${command} ${asked[0]} a container`, [stderr.trim().split('\n').at(-1) || message], cause)
    }
  }
  const nameOf = ({ name }: { readonly name: string }): string => `dure-${name}`
  const state = async (of: { readonly name: string }): Promise<CopyState> => {
    const told = await ask(
      'inspect',
      '--format',
      '{{.State.Running}} {{.RestartCount}} {{.State.ExitCode}} {{.State.OOMKilled}}',
      nameOf(of),
    ).catch(() => '')
    const [running = 'false', restarts = '0', code = '', killed = ''] = told.split(' ')
    const reason = killed === 'true' ? 'it needed more memory than its limit' : `it ended with code ${code}`
    const fell = Number(restarts) > 0 || running !== 'true'
    return {
      state:
        running === 'true' || (told !== '' && code !== '0' && Number(restarts) < RESTARTS && Number(restarts) > 0)
          ? 'running'
          : 'ended',
      restarts: Number(restarts),
      ...(fell && { reason: told === '' ? 'there is no such container' : reason }),
    }
  }
  const host: CopyHost = {
    name: 'container',
    state,
    refused: ({ release }) => {
      try {
        image(release)
        return []
      } catch (error) {
        return [(error as Error).message]
      }
    },
    start: async (copy) => {
      const name = nameOf(copy)
      if ((await state(copy)).state === 'running') return
      await ask('rm', '--force', name).catch(() => '')
      mkdirSync(copy.folder, { recursive: true, mode: 0o700 })
      const file = join(copy.folder, 'environment')
      const lines = Object.entries({ ...copy.environment, PORT: String(PORT) }).map(([name, value]) => `${name}=${value}\n`)
      writeAtomically(file, lines.join(''))
      try {
        await ask(
          ...['run', '--detach', '--name', name, '--label', `dure.release=${copy.release.digest}`],
          ...['--publish', `127.0.0.1:${copy.port}:${PORT}`, '--env-file', file, '--volume', `${name}:/data`],
          ...['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
          ...['--restart', `on-failure:${RESTARTS}`, '--stop-timeout', String(Math.ceil(shutdownTimeout / 1_000))],
          ...(memory === undefined ? [] : ['--memory', `${memory}m`, '--memory-swap', `${memory}m`]),
          ...[...more, image(copy.release), ...words(copy.release)],
        )
      } finally {
        // The engine has read it; it holds secrets.
        rmSync(file, { force: true })
      }
    },
    stop: async (copy) => {
      const name = nameOf(copy)
      if ((await ask('ps', '--all', '--quiet', '--filter', `name=^${name}$`)) === '') return
      await ask('stop', '--time', String(Math.ceil(shutdownTimeout / 1_000)), name)
      await ask('rm', '--force', name)
    },
  }
  return behindGateway(host, options)
}

function imageOf({ image, version }: Release): string {
  if (image.reference !== undefined) return image.reference
  throw describedTrouble(`find the image of ${version}`, [
    'the release does not say where it is; push it (dure image push) and write the release with what that prints',
  ])
}
