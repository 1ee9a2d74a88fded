import { after } from 'node:test'
import { brokerConformance } from '../../broker.conformance.ts'
import { EMBEDDED } from '../capabilities.ts'
import { connectTo, kill, startHost } from './processes.test-support.ts'

const host = startHost()
after(() => kill(host.child))

brokerConformance(
  'remote broker in another process, Unix socket',
  async ({ directory }) => {
    await host.ask('open', directory)
    const broker = connectTo(directory)
    const stop: typeof broker.stop = async (how) => {
      await broker.stop(how)
      await host.ask('close', directory)
    }
    let stopping: Promise<void> | undefined
    return { ...broker, stop: (how) => (stopping ??= stop(how)) }
  },
  EMBEDDED,
)
