import { service, system } from 'dure/service'
import type { System } from 'dure/service'
import { Stock } from './shop.test-support.ts'

const stock = service(Stock, { handlers: { reset: () => {} } })

/** Loading this fails: two services have one name. */
export const twice: System = system('twice', { services: [stock, stock] })
