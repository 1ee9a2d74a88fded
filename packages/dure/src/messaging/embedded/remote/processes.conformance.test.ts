import { processConformance } from '../../processes.conformance.ts'
import { EMBEDDED } from '../capabilities.ts'
import { kill, startHost } from './processes.test-support.ts'

processConformance(
  'embedded broker in another process',
  {
    module: new URL('./connect.test-support.ts', import.meta.url),
    server: async ({ directory }) => {
      let host = startHost()
      await host.ask('open', directory)
      return {
        address: directory,
        crash: async () => {
          await kill(host.child)
          host = startHost()
          await host.ask('open', directory)
        },
        stop: () => kill(host.child),
      }
    },
  },
  EMBEDDED,
)
