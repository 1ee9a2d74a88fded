/** A process of its own for one of those that are compared: measures, tells, and ends. */
import * as clients from './clients.ts'
import { measure, type Load, type Open } from './load.ts'
import { own } from './own.ts'

const load = JSON.parse(process.env['BROKER_LOAD']!) as Load
process.on('disconnect', () => process.exit())
const [whose, kind = ''] = load.contender.split(' ')
const open: Open = whose === 'own' ? own(kind) : clients[kind as keyof typeof clients]
const measured = await measure(open, load)
process.send!(measured, () => process.exit())
