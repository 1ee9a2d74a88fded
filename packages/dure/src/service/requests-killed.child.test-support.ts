/** A shop that is killed inside the effect of a request. */
import { keepAlive } from '../runtime/runtime.ts'
import { Orders, shop } from './requests.test-support.ts'

keepAlive()
const running = await shop(process.argv[2]!, () => 'killed')
await running.client(Orders).place({ order: 'a', quantity: 3 })
