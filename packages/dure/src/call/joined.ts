import type { CallContext } from './context.ts'
import type { LocalTransport } from './local.ts'
import { startCall, type Route, type Target, type Transport } from './transport.ts'

/**
 * Local and remote as one: a call takes the local way when its service runs in this process, and the remote one otherwise.
 * Asked anew by every call, because services come and go here as well.
 */
export function createJoinedTransport(options: { local: LocalTransport; remote: Transport }): Transport {
  const { local, remote } = options
  return {
    route: (target: Target): Route => {
      // Whoever names an instance means one of another process.
      if (target.instance !== undefined) return remote.route(target)
      const near = local.route(target)
      let far: Route | undefined
      // Made when first needed: what always runs here is never looked for elsewhere.
      const choose = (): Route => (near.connected() ? near : (far ??= remote.route(target)))
      return {
        get local() {
          return near.connected()
        },
        call: (input: unknown, context: CallContext) => choose().call(input, context),
        start: (input, context, to) => startCall(choose(), input, context, to),
        stream: (input: unknown, context: CallContext, incoming?: AsyncIterable<unknown>) =>
          choose().stream(input, context, incoming),
      }
    },
  }
}
