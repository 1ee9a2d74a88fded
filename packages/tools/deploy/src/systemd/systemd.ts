/** Releases as units of systemd on this machine: each copy a service and a socket of its own, which begin with the machine, behind the same gateway. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { HostProgram } from '../host/host.ts'
import {
  behindGateway,
  describedTrouble,
  type BehindGateway,
  type BehindGatewayOptions,
  type CopyHost,
  type CopyRun,
} from '../target/target.ts'
import { systemdUnits, type SystemdWorkload } from './units.ts'

export { systemdUnits, type SystemdWorkload } from './units.ts'

export type SystemdOptions = BehindGatewayOptions &
  Pick<SystemdWorkload, 'memory' | 'user' | 'shutdownTimeout' | 'watchdog'> & {
    /** What runs a copy, from files that are outside of `/home` and `/root`. It says when it is ready (`dure start` does). */
    readonly program: (run: CopyRun) => HostProgram
    /** The binary of Node. Default: that which runs this. */
    readonly node?: string
    /** The door that calls come to. Default `rest`. */
    readonly door?: string
  }

/** Where units stand that an administrator writes. */
const UNITS = '/etc/systemd/system'
const execute = promisify(execFile)

/**
 * Runs releases as units of systemd, as root. What a copy keeps is in `/var/lib/dure-NAME`.
 *
 * @example
 * ```ts
 * import { dureStart, systemd } from '@dure/deploy'
 *
 * const target = systemd({
 *   directory: '.units',
 *   port: 8080,
 *   memory: 256,
 *   program: (run) => dureStart(run, { folder: `/srv/shop/${run.release.version}` }),
 * })
 * console.log(target.name, await target.list()) // → systemd []
 * ```
 */
export function systemd(options: SystemdOptions): BehindGateway {
  const { program, node = process.execPath, door = 'rest', ...workload } = options
  const unitOf = ({ name }: { readonly name: string }): string => `dure-${name}`
  const filesOf = (of: { readonly name: string }): readonly string[] => [`${unitOf(of)}-${door}.socket`, `${unitOf(of)}.service`]
  const state: CopyHost['state'] = async (of) => {
    const asked = ['ActiveState', 'NRestarts', 'Result'].map((property) => `--property=${property}`)
    const told = await systemctl('show', ...asked, `${unitOf(of)}.service`)
    const property = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(told)?.[1] ?? ''
    const restarts = Number(property('NRestarts'))
    const running = !['inactive', 'failed'].includes(property('ActiveState'))
    const reason = `systemd says "${property('Result')}"; see: journalctl --unit ${unitOf(of)}`
    return { state: running ? 'running' : 'ended', restarts, ...((restarts > 0 || !running) && { reason }) }
  }
  return behindGateway(
    {
      name: 'systemd',
      state,
      refused: (wanted) => {
        // Only whether it could be written.
        const { release } = wanted
        const run = { name: 'plan', release, port: 1, folder: options.directory, environment: {} }
        try {
          unitsOf(run)
          return []
        } catch (error) {
          return [(error as Error).message]
        }
      },
      start: async (run) => {
        if ((await state(run)).state === 'running') return
        const told = join(run.folder, 'environment')
        rmSync(told, { recursive: true, force: true })
        mkdirSync(told, { recursive: true, mode: 0o700 })
        for (const [name, value] of Object.entries(run.environment)) writeFileSync(join(told, name), value, { mode: 0o600 })
        for (const [file, text] of Object.entries(unitsOf(run))) writeFileSync(join(UNITS, file), text)
        await systemctl('daemon-reload')
        const files = filesOf(run)
        await systemctl('enable', '--quiet', ...files)
        // The socket first; that it is ready is not waited for.
        for (const file of files) await systemctl('start', '--no-block', file)
      },
      stop: async (run) => {
        const files = filesOf(run)
        if (!files.some((file) => existsSync(join(UNITS, file)))) return
        await systemctl('disable', '--quiet', '--now', ...files)
        for (const file of files) rmSync(join(UNITS, file), { force: true })
        await systemctl('daemon-reload')
      },
    },
    options,
  )

  function unitsOf(run: CopyRun): Readonly<Record<string, string>> {
    const what = program(run)
    return systemdUnits({
      ...workload,
      ...{ name: unitOf(run), command: [node, ...(what.node ?? []), ...what.program], folder: what.cwd },
      ...{ environment: { ...what.environment, PORT: String(run.port) }, credentials: join(run.folder, 'environment') },
      sockets: { [door]: `127.0.0.1:${run.port}` },
    })
  }
}

/** @throws {DeployError} `TARGET` with what it said */
async function systemctl(...words: readonly string[]): Promise<string> {
  try {
    return (await execute('systemctl', words)).stdout
  } catch (cause) {
    const { message, stderr = '' } = cause as Error & { readonly stderr?: string }
    throw describedTrouble(`have systemd ${words[0]} ${words.at(-1)}`, [stderr.trim() || message], cause)
  }
}
