import { CallError } from '../../../contract/contract.ts'
import { brokerConformance } from '../../broker.conformance.ts'
import { EMBEDDED } from '../capabilities.ts'
import { embeddedBroker } from '../embedded.ts'
import { unpack } from './pack.ts'
import { remoteBroker, type BrokerClient } from './remote.ts'
import { clientOf, serveBroker } from './served.test-support.ts'

brokerConformance(
  'remote broker, local transport',
  async (world) => {
    const { runtime, log, loses } = world
    const served = serveBroker({ broker: await embeddedBroker()(world), runtime })
    const whole = clientOf(served.transport, runtime)
    // A call that carries a message to be lost is lost whole, or done and its answer lost; then it is made again.
    let calls = 0
    const publish: BrokerClient['publish'] = async (request, ask) => {
      const lost = unpack(request.messages).some(({ message }) => loses(message))
      if (!lost || ++calls % 2 === 0) await whole.publish(request, ask)
      if (lost) throw new CallError('UNAVAILABLE', 'The connection was lost')
    }
    const broker = remoteBroker({ client: Object.create(whole, { publish: { value: publish } }) as BrokerClient, runtime, log })
    return {
      ...broker,
      stop: async (how) => {
        await broker.stop(how)
        await served.stop()
      },
    }
  },
  EMBEDDED,
)
