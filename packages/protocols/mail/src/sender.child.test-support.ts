/** `sender.child.test-support.ts DIRECTORY PORT COUNT`: a shop on this data that asks for so many letters, and sends them until it is killed. */
import { shop } from './shop.test-support.ts'

const [, , directory = '', port, count] = process.argv
const { ask } = await shop({ directory, port: Number(port) })
for (let n = 0; n < Number(count); n++) await ask({ to: 'shop@home.example', subject: `letter ${n}` })
console.log('asked')
