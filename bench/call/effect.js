/** The same call by Effect's RPC, binary and with compiled schemas; plain JavaScript, since its types are not known here. */
import { NodeSocket, NodeSocketServer } from '@effect/platform-node'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as ManagedRuntime from 'effect/ManagedRuntime'
import * as Schema from 'effect/Schema'
import * as Scope from 'effect/Scope'
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from 'effect/rpc'

await import('effect/schema/SchemaJITCompiler/enable')

const line = Schema.Struct({ productId: Schema.Int, quantity: Schema.Int, unitPrice: Schema.Number })
const Orders = RpcGroup.make(
  Rpc.make('place', {
    payload: Schema.Struct({ orderId: Schema.String, customerId: Schema.Int, lines: Schema.NonEmptyArray(line) }),
    success: Schema.Struct({ orderId: Schema.String, total: Schema.Number }),
  }),
)

/** Serves `place` at a Unix socket until the process ends. */
export function serveEffect(path, place) {
  const handlers = Orders.toLayer({ place: (input) => Effect.promise(() => place(input)) })
  const server = RpcServer.layer(Orders).pipe(
    Layer.provide(handlers),
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(NodeSocketServer.layer({ path })),
  )
  return ManagedRuntime.make(server).runPromise(Effect.void)
}

/** A client of it. */
export async function callEffect(path) {
  const protocol = RpcClient.layerProtocolSocket().pipe(
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(NodeSocket.layerNet({ path })),
  )
  const runtime = ManagedRuntime.make(protocol)
  const client = await runtime.runPromise(RpcClient.make(Orders).pipe(Scope.provide(Effect.runSync(Scope.make()))))
  return { place: (order) => runtime.runPromise(client.place(order)), stop: () => runtime.dispose() }
}
