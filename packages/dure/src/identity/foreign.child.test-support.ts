/** One process of the shop: the part and the directory are its arguments. */
import { start } from '../service/service.ts'
import { silentLogger } from '../telemetry/telemetry.ts'
import { ownCertificates } from './identity.ts'
import { LIFE, shop } from './foreign-shop.test-support.ts'

const [part = '', directory = ''] = process.argv.slice(2)
const network = { tls: ownCertificates({ life: LIFE }) }
const running = await start(shop, { part: [part], directory, network, log: silentLogger() })
process.send!('ready')
process.on('disconnect', () => void running.stop().then(() => process.exit()))
