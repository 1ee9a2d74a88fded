/** One instance in a process of its own, to be killed: registers, and gives signs of life. */
import { realRuntime } from 'dure/runtime'
import { instanceOf, put, register } from './eureka.ts'

const [url, app, id, ...times] = process.argv.slice(2)
const [heartbeat, seconds] = times.map(Number) as [number, number]
const { timers } = realRuntime()
await register(url!, instanceOf(app!, id!, { heartbeat, seconds }))
console.log('registered')
for (;;) {
  await timers.sleep(heartbeat)
  await put(`${url}/apps/${app}/${id}`)
}
