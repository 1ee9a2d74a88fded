/** DBOS, whose state is in the same database: three steps that write a row each. Plain JavaScript: its types are not known here. */
import { DBOS } from '@dbos-inc/dbos-sdk'
import { Pool } from 'pg'
import { contend } from './load.ts'

await contend(async ({ url, atOnce }) => {
  const pool = new Pool({ connectionString: url, max: atOnce })
  const checkout = DBOS.registerWorkflow(
    async (name) => {
      for (const step of ['order', 'stock', 'pay'])
        await DBOS.runStep(() => pool.query('INSERT INTO rows VALUES ($1, $2)', [name, step]).then(() => step), { name: step })
      return name
    },
    { name: 'checkout' },
  )
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: url, systemDatabasePoolSize: atOnce, logLevel: 'error' })
  await DBOS.launch()
  return async (name) => (await DBOS.startWorkflow(checkout, { workflowID: name })(name)).getResult()
})
