/**
 * A consuming process to be killed: `work` consumes and tells each number whose effect it has seen committed;
 * `poison` dies when it meets a message of the key "poison", and `patient` as well, with more attempts; `queue` after it: it
 * receives work instead.
 */
import { writeSync } from 'node:fs'
import { silentLogger } from '../../telemetry/telemetry.ts'
import { consumerOf, Count, effectOf, QUICK, runtime, storeIn } from '../consumer.test-support.ts'
import { embeddedBroker } from '../embedded/embedded.ts'

const [role, directory, kind] = process.argv.slice(2)
const log = silentLogger()
const broker = await embeddedBroker({ durability: 'process' })({ directory: directory!, runtime, log })
const store = await storeIn(directory!)
let tried = 0
const consumer = await consumerOf({
  store,
  broker,
  limits: { batch: 16 },
  reactions: [
    effectOf(
      async (n, { message }, tx) => {
        tx.onCommit(() => void writeSync(1, `${message.key}/${n}\n`))
        if (role !== 'work' && message.key === 'poison') process.kill(process.pid, 'SIGKILL')
        // Some messages fail now and then, so that there is something parked at any moment.
        if (role === 'work' && n % 7 === 3 && tried++ % 2 === 0) throw new Error('now and then')
      },
      {
        retry: { ...QUICK, attempts: role === 'poison' ? 3 : 1000, crashes: role === 'work' ? 1000 : 3 },
        ...(kind === 'queue' ? { kind, event: Count } : {}),
      },
    ),
  ],
})
// The runtime's timers do not keep a process alive; this one waits for its end.
setInterval(() => {
  if (role !== 'work' && consumer.status().dead === 2) writeSync(1, 'survived\n')
}, 5)
