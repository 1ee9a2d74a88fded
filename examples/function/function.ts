/** What the image of the function runs. */
import { lambdaHandler, serveLambda } from '@dure/lambda'
import shop from './system.ts'

await serveLambda(lambdaHandler(shop))
