import { brokerConformance } from '../../broker.conformance.ts'
import { EMBEDDED } from '../capabilities.ts'
import { embeddedBroker } from '../embedded.ts'
import { remoteBroker } from './remote.ts'
import { clientOf, serveBroker } from './served.test-support.ts'

brokerConformance(
  'remote broker, local transport',
  async (world) => {
    const { runtime, log } = world
    const served = serveBroker({ broker: await embeddedBroker()(world), runtime })
    const broker = remoteBroker({ client: clientOf(served.transport, runtime), runtime, log })
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
