/** Asks instances whether they are well, where they say how. What does not answer is down, though its heart beats. */
import type { Runtime } from 'dure/runtime'
import { inTime } from 'dure/runtime/internal'
import type { Lease } from './lease.ts'
import type { Book } from './leases.ts'

export type HealthChecks = {
  /** Milliseconds between two rounds of questions. Default 5,000. */
  readonly interval: number
  /** Milliseconds that an answer may take. Default 2,000. */
  readonly timeout: number
  /** Rounds in a row without a good answer after which an instance is down. Default 3. */
  readonly failures: number
}

/** Asked at once. */
const AT_ONCE = 16

export function createHealthChecks(options: {
  readonly book: Pick<Book, 'all' | 'judge'>
  readonly checks: HealthChecks
  readonly runtime: Pick<Runtime, 'timers' | 'fetch'>
}): { readonly stop: () => Promise<void> } {
  const { book, checks, runtime } = options
  const { timers, fetch = (request: Request) => globalThis.fetch(request) } = runtime
  const stopping = new AbortController()
  let failed = new Map<string, number>()

  const isWell = async (url: string): Promise<boolean> => {
    const giveUp = new AbortController()
    const asked = async (): Promise<boolean> => {
      const signal = AbortSignal.any([stopping.signal, giveUp.signal])
      const answer = await fetch(new Request(url, { signal, redirect: 'manual' }))
      await answer.body?.cancel()
      return answer.status < 500
    }
    const late = (): boolean => {
      giveUp.abort()
      return false
    }
    return inTime(timers, checks.timeout, asked(), late).catch(() => false)
  }
  const round = async (): Promise<void> => {
    const left = [...book.all()].filter(mayBeAsked)
    const now = new Map<string, number>()
    const work = async (): Promise<void> => {
      for (let lease = left.pop(); lease !== undefined && !stopping.signal.aborted; lease = left.pop()) {
        const { app, id, healthCheckUrl } = lease.instance
        const key = `${app}/${id}`
        const count = (await isWell(healthCheckUrl!)) ? 0 : (failed.get(key) ?? 0) + 1
        if (stopping.signal.aborted) return
        if (count > 0) now.set(key, count)
        book.judge(app, id, count >= checks.failures ? 'DOWN' : count === 0 ? undefined : lease.health)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    failed = now
  }
  const working = (async () => {
    while (!stopping.signal.aborted) {
      await round()
      await timers.sleep(checks.interval, stopping.signal)
    }
  })()
  return {
    stop: async () => {
      stopping.abort()
      await working
    },
  }
}

/** Only where it registered from: nobody has the registry ask somebody else. */
function mayBeAsked({ client, instance: { healthCheckUrl } }: Lease): boolean {
  if (healthCheckUrl === undefined || !URL.canParse(healthCheckUrl)) return false
  const { protocol, hostname } = new URL(healthCheckUrl)
  return /^https?:$/.test(protocol) && hostname.replaceAll(/^\[|\]$/g, '') === client.replace(/^::ffff:/, '')
}
