/** Health as gRPC has it: https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
import { CallError } from 'dure/contract'
import type { Timer } from 'dure/runtime'
import { ownMethod } from './own-method.ts'
import type { Take } from './call.ts'
import { createCodecs } from './protobuf/codec.ts'
import { messagesIn } from './protobuf/table.ts'
import type { GrpcState } from './state.ts'

const { HealthCheckRequest, HealthCheckResponse } = messagesIn({
  HealthCheckRequest: { service: [1, 'string'] },
  HealthCheckResponse: { status: [1, 'int32'] },
})
const SERVING = 1
const NOT_SERVING = 2
const SERVICE_UNKNOWN = 3
/** How often a change is looked for while somebody watches, in milliseconds. */
const LOOK = 500

/** @param services by their names in gRPC, the service of Dure behind them */
export function healthMethods(state: GrpcState, services: ReadonlyMap<string, string>): ReadonlyMap<string, Take> {
  const codecs = createCodecs()
  const [input, output] = [codecs(HealthCheckRequest), codecs(HealthCheckResponse)]
  const statusOf = (name: string): number | undefined => {
    if (name !== '' && !services.has(name)) return undefined
    if (state.closing) return NOT_SERVING
    const { live, started, services: there } = state.host.pulse()
    if (!live || !started) return NOT_SERVING
    const own = there.filter(({ service }) => service === services.get(name))
    // What another process runs is called wherever it is.
    return own.length === 0 || own.some((one) => one.live && one.state === 'running') ? SERVING : NOT_SERVING
  }
  const nameOf = (bytes: Buffer): string => (input.decode(bytes) as { readonly service: string }).service
  const encode = (status: number): Buffer => output.encode({ status }, 5)

  return new Map<string, Take>([
    [
      '/grpc.health.v1.Health/Check',
      ownMethod(state, {
        message: (bytes, { send, end }) => {
          const status = statusOf(nameOf(bytes))
          if (status === undefined) throw new CallError('NOT_FOUND', 'There is no such service')
          send(encode(status))
          end()
        },
      }),
    ],
    [
      '/grpc.health.v1.Health/Watch',
      ownMethod(state, {
        streams: true,
        message: (bytes, { send, onEnd, end }) => {
          const name = nameOf(bytes)
          const { timers } = state.world.runtime
          let said: number | undefined
          const look = (): void => {
            const status = statusOf(name) ?? SERVICE_UNKNOWN
            if (status !== said) send(encode((said = status)))
            if (state.closing) return end()
            timer = timers.after(LOOK, look)
          }
          let timer: Timer | undefined
          onEnd(() => timer?.cancel())
          look()
        },
      }),
    ],
  ])
}
