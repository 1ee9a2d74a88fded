/** What Dure's own rooms and packages share of `config`, and no promise to anybody else. */
export { inspectConfiguration, noConfiguration, openConfiguration, type Configuration, type Inspected } from './configuration.ts'
export { problemText } from './errors.ts'
export { lastGoodFiles } from './files/last-good.ts'
export { partsOf } from './key.ts'
