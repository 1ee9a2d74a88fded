import { realRuntime } from '../runtime/runtime.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { NewerMessageError } from './newer-message.ts'
import type { Ask, ConnectModule, Said } from './process-rig.conformance.ts'

/** A process of the suite: it does what it is asked, and says what befalls it. Meant to be killed and stopped. */
const [, , module, address] = process.argv
const { connect } = (await import(module!)) as ConnectModule
const runtime = realRuntime()
const broker = await connect({ address: address!, runtime, log: silentLogger() })
const say = (said: Said): void => void process.send!(said)

/** What is delivered waits while it is held, each after it has been told of. */
let holding: { readonly opened: Promise<void>; readonly open: () => void } | undefined
let isOld = false

async function answer(ask: Ask): Promise<unknown> {
  switch (ask.what) {
    case 'subscribe':
      await broker.subscribe({
        ...ask.options,
        assigned: async ({ topic, partition, epoch, broker: identity }) =>
          say({ what: 'assigned', topic, partition, epoch, broker: identity }),
        revoked: async ({ partition }) => say({ what: 'revoked', partition }),
        deliver: async (deliveries, { partition }) => {
          say({ what: 'delivered', partition, deliveries })
          await holding?.opened
          if (isOld && deliveries.some(({ message }) => message.schemaVersion > 1))
            throw new NewerMessageError('of a later release')
          say({ what: 'settled', partition })
        },
        onError: (error) => say({ what: 'trouble', text: String(error) }),
      })
      return undefined
    case 'hold': {
      const { promise: opened, resolve: open } = Promise.withResolvers<void>()
      holding = { opened, open }
      return undefined
    }
    case 'release':
      holding?.open()
      holding = undefined
      return undefined
    case 'be old':
      isOld = true
      return undefined
    case 'publish':
      return broker.publish(ask.messages)
    case 'declare topic':
      return broker.declareTopic(ask.topic, ask.options)
    case 'declare group':
      return broker.declareGroup(ask.options)
    case 'lag':
      return broker.lag()
    case 'stop':
      return broker.stop()
  }
}

process.on('message', ({ id, ask }: { readonly id: number; readonly ask: Ask }) => {
  answer(ask).then(
    (result) => say({ what: 'answer', id, result }),
    (error: unknown) => say({ what: 'answer', id, error: String(error) }),
  )
})
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
say({ what: 'ready' })
