import type { Cancellation, OperationMetrics } from '../call/internal.ts'
import type { Looked } from '../config/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Logger } from '../telemetry/telemetry.ts'
import type { MakeContext, Settings as OwnSettings } from './context.ts'
import type { Service } from './definition.ts'
import { healthCheckCall, readiness } from './readiness.ts'
import type { Settings } from './settings-host.ts'
import type { ServiceHealth } from './system.ts'

/** How a service stands with its settings, and whether it would be ready with others. */
export function createSettingsCheck(options: {
  readonly service: Service
  readonly settings: Settings
  readonly health: () => Promise<ServiceHealth>
  readonly answered: readonly OperationMetrics[]
  /** Contexts with other settings than it has. */
  readonly contextsWith: (settings: OwnSettings) => MakeContext
  readonly runtime: Runtime
  readonly log: Logger
}): { readonly look: () => Promise<Looked>; readonly stop: () => void } {
  const { service, settings, health, answered, contextsWith, runtime, log } = options
  const { name } = service.contract
  const end = settings.configuration.steered?.trial(name, async (value) => {
    // One that is not ready as it is may be mended by what is new.
    if (service.config === undefined || service.ready === undefined || !(await health()).ready) return []
    const make = contextsWith({ schema: service.config, now: () => value })
    const ask = (cancellation: Cancellation) => service.ready!(make(healthCheckCall(name, runtime), cancellation))
    const reason = await readiness(ask, runtime, log)
    return reason === undefined ? [] : [reason]
  })
  return {
    look: async () => {
      const { ready, reasons } = await health()
      return { service: name, ready, reasons, ...failedOf(answered) }
    },
    stop: () => end?.(),
  }
}

/** Codes of answers that are no fault of the caller. */
const FAILURES: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'DATA_LOSS'])

function failedOf(answered: readonly OperationMetrics[]): Pick<Looked, 'calls' | 'failed'> {
  const codes = answered.flatMap((one) => [...one.codes])
  const sum = (all: readonly (readonly [string, number])[]): number => all.reduce((total, [, count]) => total + count, 0)
  return { calls: sum(codes), failed: sum(codes.filter(([code]) => FAILURES.has(code))) }
}
