import type { CallContext } from '../call/call.ts'
import { Cancellation } from '../call/internal.ts'
import { describeThrown, servicePrincipal } from '../contract/internal.ts'
import type { Runtime } from '../runtime/runtime.ts'
import { inTime } from '../runtime/internal.ts'
import type { Logger } from '../telemetry/telemetry.ts'

/** Milliseconds that a service has to say whether it is ready. */
const READY_TIMEOUT = 1_000

/** Health checks ask on nobody's behalf but the service's own. */
export function healthCheckCall(service: string, runtime: Runtime): CallContext {
  const sentAt = runtime.clock.monotonic()
  return {
    sentAt,
    deadline: sentAt + READY_TIMEOUT,
    cancellation: undefined,
    correlationId: 'health',
    causationId: undefined,
    traceparent: undefined,
    caller: undefined,
    idempotencyKey: undefined,
    principal: servicePrincipal(service),
    metadata: undefined,
  }
}

/** What a service says of its readiness; one that throws, or says nothing in time, is not ready. */
export async function readiness(
  ask: (cancellation: Cancellation) => unknown,
  { timers }: Runtime,
  log: Logger,
): Promise<string | undefined> {
  const cancellation = new Cancellation()
  const tooLate = (): string => {
    cancellation.cancel('deadline')
    return `Its readiness was not told within ${READY_TIMEOUT} ms`
  }
  try {
    const reason = await inTime(timers, READY_TIMEOUT, Promise.resolve(cancellation).then(ask), tooLate)
    return reason === undefined ? undefined : describeThrown(reason).message
  } catch (error) {
    log.warn('A service cannot tell whether it is ready', { error })
    return 'It cannot tell whether it is ready; its log says why'
  } finally {
    cancellation.over()
  }
}
