/** A consuming process to be killed: it writes every number it gets into its store; told to stop, it does all it has parked and stops. */
import { consumerOf, effectOf, storeIn } from '../../consumer.test-support.ts'
import { until } from '../../numbered.conformance.ts'
import { connectTo } from './processes.test-support.ts'

const directory = process.argv[2]!
const broker = connectTo(directory, 60_000)
const store = await storeIn(directory)
const consumer = await consumerOf({
  store,
  broker,
  limits: { batch: 32 },
  reactions: [effectOf((_n, _received, tx) => tx.onCommit(() => void process.send!('done')))],
})
process.on('message', () => {
  void (async () => {
    await until(() => consumer.status().waiting === 0 && consumer.status().inHand === 0)
    await consumer.stop()
    await broker.stop()
    await store.stop()
    process.exit()
  })()
})
process.on('disconnect', () => process.exit())
process.send!('ready')
