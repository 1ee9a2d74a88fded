/** Third-party registration: a program that knows nothing of a registry is started, watched, and registered for as long as it is well. */
import { spawn } from 'node:child_process'
import type { Instance, Registry } from 'dure/discovery'
import { inTime, timeLeft } from 'dure/runtime/internal'
import type { Runtime } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'

export type HealthUrl = {
  /** Well is whatever is answered with 2xx. */
  readonly url: string
  /** Milliseconds between questions. Default 1,000. */
  readonly interval?: number
  /** Milliseconds that an answer may take. Default 2,000. */
  readonly timeout?: number
  /** Questions in a row without a good answer after which it is down. Default 3. */
  readonly failures?: number
}

export type RegistrarOptions = {
  /** Stopped with the program. */
  readonly registry: Registry
  readonly instance: Omit<Instance, 'status' | 'id'> & { readonly id?: string }
  readonly program: readonly [program: string, ...words: readonly string[]]
  /** Default: it is well while its process runs. */
  readonly health?: HealthUrl
  readonly cwd?: string
  readonly env?: Readonly<Partial<Record<string, string>>>
  readonly runtime: Runtime
  readonly log: Logger
}

export type Registrar = {
  readonly pid: number
  /** When the program has ended, and is registered no more. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  /** Says that it drains, asks it to end (SIGTERM), and kills it when that takes longer than so many milliseconds. Default 10,000. */
  readonly stop: (options?: { readonly timeout?: number }) => Promise<void>
}

/**
 * Runs a program and registers it.
 * @throws {Error} when the program cannot be started, or nobody takes the registration; then it does not run
 *
 * @example
 * ```ts
 * import { eurekaRegistry, registrar, startRegistry } from '@dure/registry'
 * import { realRuntime } from 'dure/runtime'
 * import { silentLogger } from 'dure/telemetry'
 *
 * const [runtime, log] = [realRuntime(), silentLogger()]
 * const server = await startRegistry({ directory: '.registry/registrar', port: 0, log })
 * const registry = await eurekaRegistry({ url: server.url })({ directory: '.dure', runtime, log })
 * const http = { kind: 'tcp', host: '127.0.0.1', port: 8080 } as const
 * const instance = { service: 'legacy', version: '1.0.0', endpoints: { http }, metadata: {} }
 * const program = [process.execPath, '-e', 'setTimeout(() => {}, 60_000)'] as const
 * const running = await registrar({ registry, instance, program, runtime, log })
 * console.log(registry.instances('legacy').map(({ status }) => status)) // → [ 'up' ]
 * await running.stop()
 * await server.stop()
 * ```
 */
export async function registrar(options: RegistrarOptions): Promise<Registrar> {
  const { registry, instance, health, runtime, log } = options
  const { timers, ids, clock } = runtime
  const child = await started(options)
  const over = new AbortController()
  const exit = new Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (code, signal) => {
      over.abort()
      resolve({ code, signal })
    })
    if (child.exitCode !== null) resolve({ code: child.exitCode, signal: child.signalCode })
  })
  const registration = await registry
    .register({ ...instance, id: instance.id ?? ids.next(), status: health === undefined ? 'up' : 'starting' })
    .catch(async (error: unknown) => {
      child.kill('SIGKILL')
      await exit
      await registry.stop()
      throw error
    })
  let draining = false
  const watching =
    health === undefined
      ? undefined
      : watch(health, { runtime, signal: over.signal }, async (status) => {
          if (draining) return
          await registration.update({ status })
          log[status === 'up' ? 'info' : 'warn'](`The program is ${status}`, { service: instance.service, health: health.url })
        })
  const ended = exit.then(async (how) => {
    await watching
    await registration.stop()
    await registry.stop()
    return how
  })
  return {
    pid: child.pid!,
    ended,
    stop: async ({ timeout = 10_000 } = {}) => {
      draining = true
      const left = timeLeft(clock, timeout)
      await registration.update({ status: 'draining' })
      await timers.sleep(Math.min(registry.grace ?? 0, left()), over.signal)
      child.kill('SIGTERM')
      await inTime(timers, left(), exit, () => child.kill('SIGKILL'))
      await ended
    },
  }
}

async function started({ program: [program, ...words], cwd, env }: RegistrarOptions) {
  const child = spawn(program, words, { stdio: 'inherit', cwd, ...(env && { env: env as NodeJS.ProcessEnv }) })
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', ({ message }) => reject(new Error(`Cannot start "${program}": ${message}; give a program that is there`)))
  })
  return child
}

/** Tells when it becomes well, and when it is not any more; until it is well for the first time it starts. */
async function watch(
  { url, interval = 1_000, timeout = 2_000, failures = 3 }: HealthUrl,
  { runtime, signal }: { readonly runtime: Runtime; readonly signal: AbortSignal },
  tell: (status: 'up' | 'down') => Promise<void>,
): Promise<void> {
  const { timers, fetch = (request: Request) => globalThis.fetch(request) } = runtime
  let known = 'starting' as 'starting' | 'up' | 'down'
  for (let failed = 0; !signal.aborted;) {
    const well = await isWell({ url, timeout, signal }, { timers, fetch })
    failed = well ? 0 : failed + 1
    const now: typeof known = well ? 'up' : failed >= failures && known !== 'starting' ? 'down' : known
    if (now !== known && now !== 'starting' && !signal.aborted) await tell(now)
    known = now
    await timers.sleep(interval, signal)
  }
}

async function isWell(
  { url, timeout, signal }: { readonly url: string; readonly timeout: number; readonly signal: AbortSignal },
  { timers, fetch }: Required<Pick<Runtime, 'timers' | 'fetch'>>,
): Promise<boolean> {
  const giveUp = new AbortController()
  const asked = async (): Promise<boolean> => {
    const answer = await fetch!(new Request(url, { signal: AbortSignal.any([signal, giveUp.signal]), redirect: 'manual' }))
    await answer.body?.cancel()
    return answer.ok
  }
  const late = (): boolean => {
    giveUp.abort()
    return false
  }
  return inTime(timers, timeout, asked(), late).catch(() => false)
}
