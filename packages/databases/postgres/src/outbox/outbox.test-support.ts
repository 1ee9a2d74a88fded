import type { Logger } from 'dure/telemetry'
import { onPlaces, type Check, type Place as Furnished } from '../place.test-support.ts'
import type { ServerVersion } from '../server.test-support.ts'
import { pollingRelay, type PollingRelay, type PollingRelayOptions } from './outbox.ts'

export { publish } from '../place.test-support.ts'

export type Place = Furnished & {
  /** A relay that stops with the test. */
  readonly relay: (deliver: PollingRelayOptions['deliver'], options?: Partial<PollingRelayOptions>) => PollingRelay
}

/** `check(what, run)`: a test on a database of its own, of the file's servers. To be called once, at the top of a file. */
export function onServers(versions: readonly ServerVersion[] = [18]): Promise<Check<Place>> {
  return onPlaces({
    versions,
    settings: { max_prepared_transactions: 4, track_commit_timestamp: 'on' },
    furnish: (place) => ({
      ...place,
      relay: (deliver, options) => {
        const relay = pollingRelay({ connection: place.url, deliver, ...options })
        place.closing(() => relay.stop({ timeout: 0 }))
        return relay
      },
    }),
  })
}

/** A logger that keeps its warnings. */
export function listening(): Logger & { readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const log = {
    debug: () => {},
    info: () => {},
    warn: (text: string) => void warnings.push(text),
    error: () => {},
    with: () => log,
    warnings,
  }
  return log
}
