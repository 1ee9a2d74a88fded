/** Effect's workflows with their state in the same database: three activities that write a row each. */
import { PgClient } from '@effect/sql-pg'
import { NodeCrypto } from '@effect/platform-node'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import * as ManagedRuntime from 'effect/ManagedRuntime'
import * as Redacted from 'effect/Redacted'
import * as Schema from 'effect/Schema'
import { ClusterWorkflowEngine, SingleRunner } from 'effect/cluster'
import { SqlClient } from 'effect/sql'
import { Activity, Workflow } from 'effect/workflow'
import { contend } from './load.ts'

const Checkout = Workflow.make('Checkout', {
  payload: { name: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ name }) => name,
})

await contend(async ({ url, atOnce }) => {
  const steps = Checkout.toLayer(({ name }) =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (const step of ['order', 'stock', 'pay'])
        yield* Activity.make({
          name: step,
          execute: Effect.orDie(sql`INSERT INTO rows VALUES (${name}, ${step})`.pipe(Effect.asVoid)),
        })
      return name
    }),
  )
  const engine = ClusterWorkflowEngine.layer.pipe(Layer.provideMerge(SingleRunner.layer({ runnerStorage: 'sql' })))
  const client = PgClient.layer({ url: Redacted.make(url), maxConnections: atOnce })
  const runtime = ManagedRuntime.make(
    steps.pipe(Layer.provideMerge(engine), Layer.provideMerge(client), Layer.provideMerge(NodeCrypto.layer)),
  )
  return (name) => runtime.runPromise(Checkout.execute({ name }))
})
