import type { Tls } from '../call/internal.ts'
import type { Timer } from '../runtime/runtime.ts'
import { checkNumbers, WAIT } from '../runtime/internal.ts'
import type { Certificates } from '../service/service.ts'
import { generationIn, keyText, newKeys, openAuthority } from './authority.ts'

export type OwnCertificatesOptions = {
  /** Milliseconds that a certificate is good for; a new one is made at half of that. Default 24 hours. */
  readonly life?: number
  /** Where the authority is kept, in a folder of its own. Default: the system's directory. */
  readonly directory?: string
}

const DAY = 86_400_000
/** Milliseconds between two tries when a certificate cannot be made, and between two looks whether the authority was replaced. */
const LONGEST_WAIT = 60_000
/** Of its life: when a certificate is replaced, and when it is tried again. */
const [HALF, TWENTIETH] = [0.5, 0.05]

/**
 * Certificates of an authority of the system's own, for `network.tls`: kept in the data directory, made at the first start, `spiffe://SYSTEM/SERVICE`
 * for each service that a process runs, and replaced while it runs. Keys of processes are in their memory alone.
 * @throws {TypeError} when the life of certificates makes no sense; and when a system starts with them, {AuthorityError} when the
 * authority cannot be read or written
 *
 * @example
 * ```ts
 * import { contract, query } from 'dure/contract'
 * import { ownCertificates } from 'dure/identity'
 * import { service, start, system } from 'dure/service'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { zone: query({ output: z.string() }) } })
 * const time = system('time', { services: [service(Clock, { handlers: { zone: () => 'UTC' } })] })
 * const network = { host: '127.0.0.1', tls: ownCertificates() } // in production: an address that others reach
 * const part = ['broker', 'clock']
 * const running = await start(time, { directory: '.dure', part, network, log: silentLogger() })
 * console.log(await running.client(Clock).zone()) // → UTC
 * await running.stop()
 * ```
 */
export function ownCertificates({ life = DAY, directory }: OwnCertificatesOptions = {}): Certificates {
  checkNumbers('make own certificates', { life }, { life: WAIT })
  return async ({ system, names: first, world }) => {
    const { runtime, log } = world
    const { clock, timers, random } = runtime
    const told = new Set<() => void>()
    let names = first
    let timer: Timer | undefined
    let stopped = false

    let due = 0
    const from = directory ?? world.directory
    let generation = generationIn(from)

    // Read anew each time: nobody keeps the authority's key.
    const make = (): Tls => {
      const found = generationIn(from)
      const authority = openAuthority({ directory: from, system, clock })
      generation = found ?? generationIn(from)
      const { publicKey, privateKey } = newKeys()
      return {
        cert: authority.issue({ names, publicKey: publicKey, life }),
        key: keyText(privateKey),
        ca: authority.roots,
      }
    }
    let current = make()

    const renewIn = (ms: number): void => {
      due = clock.monotonic() + ms
      wait()
    }
    const wait = (): void => {
      timer?.cancel()
      if (stopped) return
      timer = timers.after(Math.min(Math.max(0, due - clock.monotonic()), LONGEST_WAIT), () => {
        renew(clock.monotonic() >= due)
      })
    }
    /** What was signed by a root that is to end is not waited for until its own end. */
    const isAnother = (): boolean => {
      const found = generationIn(from)
      return found !== undefined && found !== generation
    }
    /** Not all processes at once. */
    const usual = (): number => life * (HALF - random.number() * TWENTIETH)
    const replace = (): void => {
      current = make()
      for (const tell of [...told]) tell()
      renewIn(usual())
    }
    const renew = (isDue: boolean): void => {
      try {
        if (isDue || isAnother()) replace()
        else wait()
      } catch (error) {
        log.warn('Cannot make a new certificate; the one before is used until it ends, and it is tried again', { error })
        renewIn(Math.min(life * TWENTIETH, LONGEST_WAIT))
      }
    }
    renewIn(usual())

    return {
      current: () => current,
      changed: (tell) => {
        told.add(tell)
        return { stop: () => void told.delete(tell) }
      },
      certify: async (all) => {
        // Who runs nothing for now stays who it was: a certificate of nobody is of no use.
        if (all.length === 0) return
        names = all
        replace()
      },
      stop: () => {
        stopped = true
        timer?.cancel()
        told.clear()
      },
    }
  }
}
