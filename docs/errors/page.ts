/** `npm run docs:errors`: writes docs/errors.md from the tables of errors in the code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REFUSALS } from '@dure/rest'
import { STATUSES } from 'dure/contract'

export const path: string = join(import.meta.dirname, '../errors.md')

export function errorsPage(): string {
  return `# Errors

Made by \`npm run docs:errors\` from the tables in the code; a test compares them.

An operation fails with an error that its contract declares, or with one of gRPC's canonical statuses. _Again_ says whether the
same call may succeed later; what may not happen twice needs an idempotency key all the same.

## Statuses of a call (\`dure/contract\`)

${table(STATUSES)}

## Refusals of the REST door (\`@dure/rest\`)

Before any service hears of the request; the code stands in the problem document.

${table(REFUSALS)}
`
}

function table(rows: typeof STATUSES | typeof REFUSALS): string {
  const lines = Object.entries(rows).map(
    ([code, { http, retryable, meaning, hint }]) =>
      `| \`${code}\` | ${http} | ${retryable ? 'yes' : 'no'} | ${meaning} | ${hint} |`,
  )
  return ['| code | HTTP | again | meaning | what to do |', '|---|---|---|---|---|', ...lines].join('\n')
}

if (import.meta.main) writeFileSync(path, errorsPage())
