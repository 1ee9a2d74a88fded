/** A system with a schedule that comes once a year. */
import { contract } from 'dure/contract'
import { database } from 'dure/data'
import { schedule } from 'dure/schedule'
import { service, system, type System } from 'dure/service'

const Books = contract('books', { version: '1.0.0', owner: 'tests', operations: {} })
const yearly = schedule('yearly', { cron: '0 3 1 1 *', zone: 'Asia/Seoul', late: 'skip', run: () => {} })
const books = service(Books, { database: database({ migrations: {} }), extensions: [yearly], handlers: {} })

const nightly: System = system('nightly', { services: [books], telemetry: false })
export default nightly
