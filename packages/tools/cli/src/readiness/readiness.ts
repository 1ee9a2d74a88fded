/** What a move of a service is going to cost, from what is measured before it, and the same measured after. */
export { measureHop } from './hop.ts'
export { increaseOf, measure, ratesOf, type MeasuredCalls, type MeasuredOperation } from './measure.ts'
export { changeOf, comparisonText, predict, readinessText, type Readiness } from './report.ts'
