/** `npm run peers -- openapi`: what foreign programs make of Dure, one line a check; exits with 1 when one fails. */
import { missing } from './judges/installed.ts'
import { judges, withSubject } from './judges/judges.ts'

const proofs: Readonly<Record<string, () => Promise<boolean>>> = { openapi }

async function openapi(): Promise<boolean> {
  let well = true
  for (const name of ['nasty', 'marketplace'] as const)
    await withSubject(name, async (subject) => {
      for (const { name: judge, needs, judge: ask } of judges) {
        const why = missing(needs)
        const said = why === false ? await ask(subject).catch((error: unknown) => error as Error) : new Error(`not run: ${why}`)
        console.log(`${said instanceof Error ? '✖' : '✔'} ${name}, ${judge}: ${said instanceof Error ? said.message : said}`)
        well &&= !(said instanceof Error)
      }
    })
  return well
}

const [name = ''] = process.argv.slice(2)
const proof = Object.hasOwn(proofs, name) ? proofs[name] : undefined
if (proof === undefined) console.error(`Cannot prove "${name}": the peers are ${Object.keys(proofs).join(', ')}`)
if (proof === undefined || !(await proof())) process.exitCode = 1
