/** Asks others for their metrics, as Prometheus does. */
import type { Runtime, Timer } from 'dure/runtime'
import { readText, whyFetchFailed } from 'dure/runtime/internal'
import type { Logger } from 'dure/telemetry'
import type { Intake } from '../intake.ts'
import { readExposition } from './prometheus.ts'

export type ScrapeTarget = {
  /** `http://127.0.0.1:9100/metrics`. */
  readonly url: string
  /** Whose metrics they are, where they do not say. */
  readonly service: string
  /** Milliseconds between two times. Default 10,000. */
  readonly interval?: number
}

/** Bytes of a page. */
const LONGEST = 16 * 2 ** 20

/** @returns how it ends */
export function scrape(
  targets: readonly ScrapeTarget[],
  world: { readonly runtime: Runtime; readonly log: Logger; readonly intake: Intake },
): () => void {
  const { runtime, log, intake } = world
  const end = new AbortController()
  const ask = async ({ url, service, interval = 10_000 }: ScrapeTarget): Promise<void> => {
    const signal = AbortSignal.any([end.signal, AbortSignal.timeout(Math.max(1_000, interval))])
    const response = await runtime.fetch!(new Request(url, { headers: { accept: 'text/plain;version=0.0.4' }, signal }))
    if (response.status !== 200) throw new Error(`it answered ${response.status}`)
    const { metrics, refused } = readExposition(await readText(response, LONGEST), { service, time: intake.now() })
    if (refused > 0) intake.refuse('scrape', refused)
    await intake.take('scrape', { logs: [], spans: [], metrics, exceptions: [] })
  }
  const timers = new Set<Timer>()
  for (const target of targets) {
    let troubled = false
    const next = async (): Promise<void> => {
      try {
        await ask(target)
        if (troubled) log.info('Metrics are scraped again', { url: target.url })
        troubled = false
      } catch (error) {
        if (!troubled && !end.signal.aborted)
          log.warn('Metrics could not be scraped; it is tried again', { url: target.url, why: whyFetchFailed(error) })
        troubled = true
      }
      if (end.signal.aborted) return
      const timer = runtime.timers.after(target.interval ?? 10_000, () => {
        timers.delete(timer)
        void next()
      })
      timers.add(timer)
    }
    void next()
  }
  return () => {
    end.abort()
    for (const timer of timers) timer.cancel()
  }
}
