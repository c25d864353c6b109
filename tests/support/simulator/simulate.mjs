// Reads a request as JSON from each line of stdin, decides it by its identity policies and the resource's own policy, if it has
// one, and prints the decision as a line.
import { createInterface } from "node:readline";
import { runSimulation } from "@cloud-copilot/iam-simulate";

for await (const line of createInterface({ input: process.stdin })) {
  const { policies, action, resource, context, account, resourcePolicy } = JSON.parse(line);
  const response = await runSimulation(
    {
      identityPolicies: policies.map((policy, number) => ({ name: `policy ${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: resourcePolicy ?? undefined,
      request: {
        action,
        principal: `arn:aws:iam::${account}:role/drill`,
        resource: { accountId: account, resource },
        contextVariables: context,
      },
    },
    {},
  );
  console.log(JSON.stringify(response.overallResult ?? response.analysis?.result ?? response));
}
