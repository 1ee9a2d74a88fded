/** One of several HTTP doors before a marketplace whose services run in processes of their own. */
import { rest } from '@dure/rest'
import { keepAlive } from 'dure/runtime'
import { start } from 'dure/service'
import { marketplace, type MarketplaceOptions } from '../../system.ts'
import { log, say } from '../../voice.ts'

const [directory = '', port = '0'] = process.argv.slice(2)
const alive = keepAlive()
const nobody = (): never => {
  throw new Error('The service that charges runs elsewhere')
}
const provider: MarketplaceOptions['provider'] = { charge: nobody, forget: nobody }
const running = await start(marketplace({ provider, doors: [rest({ port: Number(port) })] }), { directory, part: ['doors'], log })
say('ready')
process.once('SIGTERM', () => {
  void running.stop().then(alive.stop)
})
