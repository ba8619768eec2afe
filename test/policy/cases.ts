// What IAM's rules say, as AWS's user guide tells them: one case a line, its parts between bars. `-` is nothing, `; `
// stands between values. The last part is what comes out.

/** Action or NotAction | the action asked for | whether the statement is about it. */
export const actionCases = table(`
Action | * | personalize:CreateSchema | yes
Action | *:* | personalize:CreateSchema | yes
Action | personalize:* | personalize:CreateSchema | yes
Action | personalize:* | iam:PassRole | no
Action | personalize:CreateSchema | personalize:CreateSchema | yes
Action | personalize:CreateSchema | personalize:CreateSchemas | no
Action | personalize:CreateSchema | personalize:CreateSchem | no
Action | personalize:CreateSchemas | personalize:CreateSchema | no
Action | personalize:createschema | personalize:CreateSchema | yes
Action | PERSONALIZE:CREATESCHEMA | personalize:CreateSchema | yes
Action | Personalize:create* | personalize:CreateSchema | yes
Action | personalize:Create* | personalize:CreateSchema | yes
Action | personalize:Create* | personalize:DeleteSchema | no
Action | personalize:*Schema | personalize:DeleteSchema | yes
Action | personalize:*Schema | personalize:ListSchemas | no
Action | personalize:*Schema* | personalize:ListSchemas | yes
Action | personalize:C*S*a | personalize:CreateSchema | yes
Action | personalize:C*S*b | personalize:CreateSchema | no
Action | personalize:CreateSchem? | personalize:CreateSchema | yes
Action | personalize:CreateSchema? | personalize:CreateSchema | no
Action | personalize:??????Schema | personalize:CreateSchema | yes
Action | personalize:?????Schema | personalize:CreateSchema | no
Action | personalize:??*Schema | personalize:CreateSchema | yes
Action | personalize:CreateSchema* | personalize:CreateSchema | yes
Action | personalize:**Schema | personalize:CreateSchema | yes
Action | personalize:*:* | personalize:CreateSchema | refused
Action | person* | personalize:CreateSchema | refused
Action | personalize | personalize:CreateSchema | refused
Action | s3:GetObject; personalize:CreateSchema | personalize:CreateSchema | yes
Action | s3:GetObject; s3:PutObject | personalize:CreateSchema | no
Action | s3:* | personalize:CreateSchema | no
Action | p*:CreateSchema | personalize:CreateSchema | yes
Action | personalize:Describe*; personalize:List* | personalize:ListRecipes | yes
Action | personalize:Describe*; personalize:List* | personalize:GetSolutionMetrics | no
Action | iam:PassRole | iam:PassRole | yes
Action | iam:passrole | iam:PassRole | yes
Action | iam:Pass* | iam:PassRole | yes
NotAction | * | personalize:CreateSchema | no
NotAction | personalize:* | personalize:CreateSchema | no
NotAction | personalize:* | iam:PassRole | yes
NotAction | personalize:CreateSchema | personalize:CreateSchema | no
NotAction | personalize:createSCHEMA | personalize:CreateSchema | no
NotAction | personalize:CreateSchema | personalize:DeleteSchema | yes
NotAction | personalize:Delete* | personalize:DeleteSchema | no
NotAction | personalize:Delete* | personalize:CreateSchema | yes
NotAction | personalize:Delete*; personalize:Create* | personalize:CreateSchema | no
NotAction | personalize:Delete*; personalize:Create* | personalize:ListSchemas | yes
NotAction | iam:*; s3:* | personalize:ListSchemas | yes
`)

/** Resource or NotResource | the ARN asked for | whether the statement is about it. */
export const resourceCases = table(`
Resource | * | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | * | * | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/Red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/RED | arn:aws:personalize:us-east-1:111122223333:solution/red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red2 | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red/v1 | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:filter/red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:444455556666:solution/red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:eu-west-1:111122223333:solution/red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red | * | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:solution/red/v1 | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:solution | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:filter/red | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/* | * | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red* | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red* | arn:aws:personalize:us-east-1:111122223333:solution/redder | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/red* | arn:aws:personalize:us-east-1:111122223333:solution/blue | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/*/v1 | arn:aws:personalize:us-east-1:111122223333:solution/red/v1 | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/*/v1 | arn:aws:personalize:us-east-1:111122223333:solution/red/v2 | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/r?d | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:solution/r?d | arn:aws:personalize:us-east-1:111122223333:solution/reed | no
Resource | arn:aws:personalize:us-east-1:111122223333:solution/r?d | arn:aws:personalize:us-east-1:111122223333:solution/rd | no
Resource | arn:aws:personalize:us-east-1:111122223333:* | arn:aws:personalize:us-east-1:111122223333:filter/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:*/red | arn:aws:personalize:us-east-1:111122223333:filter/red | yes
Resource | arn:aws:personalize:us-east-1:111122223333:*/red | arn:aws:personalize:us-east-1:111122223333:filter/blue | no
Resource | arn:aws:personalize:*:111122223333:solution/red | arn:aws:personalize:eu-west-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-*:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:us-*:111122223333:solution/red | arn:aws:personalize:eu-west-1:111122223333:solution/red | no
Resource | arn:aws:personalize:*:*:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:*:*:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/blue | no
Resource | arn:*:personalize:*:*:solution/red | arn:aws-cn:personalize:cn-north-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:* | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:::recipe/* | arn:aws:personalize:::recipe/aws-item-affinity | yes
Resource | arn:aws:personalize:::recipe/* | arn:aws:personalize:::algorithm/aws-item-affinity | no
Resource | arn:aws:personalize:::recipe/aws-item-* | arn:aws:personalize:::recipe/aws-item-affinity | yes
Resource | arn:aws:iam::111122223333:role/* | arn:aws:iam::111122223333:role/Personalize | yes
Resource | arn:aws:iam::111122223333:role/* | arn:aws:iam::111122223333:user/anna | no
Resource | arn:aws:iam::*:role/service-role/* | arn:aws:iam::111122223333:role/service-role/P | yes
Resource | arn:aws:iam::*:role/service-role/* | arn:aws:iam::111122223333:role/P | no
Resource | arn:aws:personalize:::recipe/a; arn:aws:personalize:::recipe/b | arn:aws:personalize:::recipe/b | yes
Resource | arn:aws:personalize:::recipe/a; arn:aws:personalize:::recipe/b | arn:aws:personalize:::recipe/c | no
Resource | solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | ARN:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:* | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:* | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:person*:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:*:*:*:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize: | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize:*red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize:us-east-1:*red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize:us-east-1:111122223333: | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
Resource | arn:aws:personalize:us-east-1:* | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
Resource | arn:aws:personalize:eu-west-1:* | arn:aws:personalize:us-east-1:111122223333:solution/red | no
Resource | arn:aws:personalize:*:111122223333:* | arn:aws:personalize:us-east-1:111122223333:solution/red | yes
NotResource | arn:aws:personalize:*red | arn:aws:personalize:us-east-1:111122223333:solution/red | refused
NotResource | * | arn:aws:personalize:us-east-1:111122223333:solution/red | no
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/red | no
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/Red | yes
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/red | arn:aws:personalize:us-east-1:111122223333:solution/blue | yes
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/red | * | yes
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:solution/red | no
NotResource | arn:aws:personalize:us-east-1:111122223333:solution/* | arn:aws:personalize:us-east-1:111122223333:filter/red | yes
NotResource | arn:aws:personalize:*:*:solution/*; arn:aws:personalize:*:*:filter/* | arn:aws:personalize:us-east-1:111122223333:filter/red | no
NotResource | arn:aws:personalize:*:*:solution/*; arn:aws:personalize:*:*:filter/* | arn:aws:personalize:us-east-1:111122223333:schema/red | yes
`)

/** Condition operator | values of the policy | values of the request for the key `k` | whether it holds. */
export const conditionCases = table(`
StringEquals | red | red | yes
StringEquals | red | Red | no
StringEquals | red | redder | no
StringEquals | red; blue | blue | yes
StringEquals | red; blue | green | no
StringEquals | red | - | no
StringEquals | r* | red | no
StringEquals | r* | r* | yes
StringEquals | r?d | red | no
StringEquals | a b | a b | yes
StringEquals | größe | größe | yes
StringNotEquals | red | red | no
StringNotEquals | red | Red | yes
StringNotEquals | red | blue | yes
StringNotEquals | red; blue | blue | no
StringNotEquals | red; blue | green | yes
StringNotEquals | red | - | yes
StringEqualsIgnoreCase | red | RED | yes
StringEqualsIgnoreCase | ReD | rEd | yes
StringEqualsIgnoreCase | red | blue | no
StringEqualsIgnoreCase | r* | red | no
StringEqualsIgnoreCase | größe | GRÖßE | yes
StringEqualsIgnoreCase | red | - | no
StringNotEqualsIgnoreCase | red | RED | no
StringNotEqualsIgnoreCase | red | blue | yes
StringNotEqualsIgnoreCase | red | - | yes
StringLike | r* | red | yes
StringLike | r* | r | yes
StringLike | r* | Red | no
StringLike | r?d | red | yes
StringLike | r?d | reed | no
StringLike | *e* | red | yes
StringLike | *e* | rod | no
StringLike | * | anything | yes
StringLike | * | - | no
StringLike | r*; b* | blue | yes
StringLike | a*a*a*b | aaaaaaaa | no
StringLike | a*a*a*b | aaaaaaab | yes
StringLike | ??? | red | yes
StringLike | ??? | rd | no
StringLike | ? | ö | yes
StringNotLike | r* | red | no
StringNotLike | r* | blue | yes
StringNotLike | r*; b* | blue | no
StringNotLike | r* | - | yes
NumericEquals | 5 | 5 | yes
NumericEquals | 5 | 5.0 | yes
NumericEquals | 5 | 6 | no
NumericEquals | 5; 6 | 6 | yes
NumericEquals | -1.5 | -1.50 | yes
NumericEquals | 5 | five | no
NumericEquals | 5 | - | no
NumericEquals | five | 5 | refused
NumericEquals | 0x5 | 5 | refused
NumericNotEquals | 5 | 5 | no
NumericNotEquals | 5 | 6 | yes
NumericNotEquals | 5; 6 | 6 | no
NumericNotEquals | 5 | - | yes
NumericLessThan | 5 | 4 | yes
NumericLessThan | 5 | 5 | no
NumericLessThan | 5 | 40 | no
NumericLessThan | 5; 10 | 7 | yes
NumericLessThan | 5 | - | no
NumericLessThanEquals | 5 | 5 | yes
NumericLessThanEquals | 5 | 5.1 | no
NumericGreaterThan | 5 | 6 | yes
NumericGreaterThan | 5 | 5 | no
NumericGreaterThan | 5 | 10 | yes
NumericGreaterThan | -5 | -4 | yes
NumericGreaterThanEquals | 5 | 5 | yes
NumericGreaterThanEquals | 5 | 4.9 | no
DateEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | yes
DateEquals | 2026-11-24T10:30:00Z | 2026-11-24T11:30:00+01:00 | yes
DateEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00.000Z | yes
DateEquals | 2026-11-24T10:30:00Z | 1795516200 | yes
DateEquals | 1795516200 | 2026-11-24T10:30:00Z | yes
DateEquals | 2026-11-24 | 2026-11-24T00:00:00Z | yes
DateEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:01Z | no
DateEquals | 2026-11-24T10:30:00Z | - | no
DateEquals | 2026 | 2026-01-01T00:00:00Z | refused
DateEquals | 24.11.2026 | 2026-11-24T10:30:00Z | refused
DateEquals | 2026-11-24T10:30:00 | 2026-11-24T10:30:00Z | refused
DateEquals | 2026-13-01 | 2026-11-24T10:30:00Z | refused
DateNotEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | no
DateNotEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:01Z | yes
DateNotEquals | 2026-11-24T10:30:00Z | - | yes
DateLessThan | 2026-11-24T10:30:00Z | 2026-11-24T10:29:59Z | yes
DateLessThan | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | no
DateLessThan | 2026-11-24T10:30:00Z | 2026-11-24T10:31:00+01:00 | yes
DateLessThanEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | yes
DateLessThanEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:01Z | no
DateGreaterThan | 2026-11-24T10:30:00Z | 2026-11-24T10:30:01Z | yes
DateGreaterThan | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | no
DateGreaterThan | 2026-11-24T10:30:00Z | - | no
DateGreaterThanEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:30:00Z | yes
DateGreaterThanEquals | 2026-11-24T10:30:00Z | 2026-11-24T10:29:59Z | no
Bool | true | true | yes
Bool | true | false | no
Bool | false | false | yes
Bool | True | true | yes
Bool | true | TRUE | yes
Bool | true; false | false | yes
Bool | true | - | no
Bool | false | - | no
Bool | yes | true | refused
BinaryEquals | QmluYXJ5 | QmluYXJ5 | yes
BinaryEquals | QmluYXJ5 | qmluYXJ5 | no
BinaryEquals | QmluYXJ5 | - | no
IpAddress | 203.0.113.0/24 | 203.0.113.7 | yes
IpAddress | 203.0.113.0/24 | 203.0.114.7 | no
IpAddress | 203.0.113.7 | 203.0.113.7 | yes
IpAddress | 203.0.113.7 | 203.0.113.8 | no
IpAddress | 203.0.113.7/32 | 203.0.113.7 | yes
IpAddress | 203.0.113.9/24 | 203.0.113.7 | yes
IpAddress | 0.0.0.0/0 | 198.51.100.1 | yes
IpAddress | 0.0.0.0/0 | 2001:db8::1 | no
IpAddress | 203.0.112.0/23 | 203.0.113.255 | yes
IpAddress | 203.0.112.0/23 | 203.0.114.0 | no
IpAddress | 203.0.113.0/24; 198.51.100.0/24 | 198.51.100.1 | yes
IpAddress | 2001:db8::/32 | 2001:db8:1::1 | yes
IpAddress | 2001:db8::/32 | 2001:db9::1 | no
IpAddress | 2001:DB8::1 | 2001:db8:0:0:0:0:0:1 | yes
IpAddress | ::1 | ::1 | yes
IpAddress | ::/0 | 2001:db8::1 | yes
IpAddress | 203.0.113.0/24 | not an address | no
IpAddress | 203.0.113.0/24 | - | no
IpAddress | 203.0.113.0/33 | 203.0.113.7 | refused
IpAddress | 203.0.113.0/ | 203.0.113.7 | refused
IpAddress | 203.0.113.0/24/1 | 203.0.113.7 | refused
IpAddress | 203.0.113.* | 203.0.113.7 | refused
IpAddress | example.com | 203.0.113.7 | refused
NotIpAddress | 203.0.113.0/24 | 203.0.113.7 | no
NotIpAddress | 203.0.113.0/24 | 203.0.114.7 | yes
NotIpAddress | 203.0.113.0/24; 198.51.100.0/24 | 198.51.100.1 | no
NotIpAddress | 203.0.113.0/24; 198.51.100.0/24 | 192.0.2.1 | yes
NotIpAddress | 203.0.113.0/24 | - | yes
ArnEquals | arn:aws:iam::111122223333:user/anna | arn:aws:iam::111122223333:user/anna | yes
ArnEquals | arn:aws:iam::111122223333:user/anna | arn:aws:iam::111122223333:user/Anna | no
ArnEquals | arn:aws:iam::111122223333:user/* | arn:aws:iam::111122223333:user/anna | yes
ArnEquals | arn:aws:iam::111122223333:user/anna | - | no
ArnLike | arn:aws:iam::111122223333:user/a* | arn:aws:iam::111122223333:user/anna | yes
ArnLike | arn:aws:iam::111122223333:user/a* | arn:aws:iam::111122223333:user/bert | no
ArnLike | arn:aws:iam::*:user/anna | arn:aws:iam::111122223333:user/anna | yes
ArnLike | arn:*:*:*:*:user/anna | arn:aws:iam::111122223333:user/anna | yes
ArnLike | arn:aws:iam::1111*:user/anna | arn:aws:iam::111122223333:user/anna | yes
ArnLike | arn:aws:*:*:*:* | arn:aws:sns:us-east-1:111122223333:topic:part | yes
ArnLike | arn:aws:iam*:user/anna:*:*:* | arn:aws:iam::111122223333:user/anna | no
ArnLike | arn:aws:iam::?????????333:user/anna | arn:aws:iam::111122223333:user/anna | yes
ArnLike | arn:aws:iam::111122223333:user/a* | anna | no
ArnLike | arn:aws:iam::* | arn:aws:iam::111122223333:user/anna | refused
ArnLike | anna | arn:aws:iam::111122223333:user/anna | refused
ArnNotEquals | arn:aws:iam::111122223333:user/anna | arn:aws:iam::111122223333:user/bert | yes
ArnNotEquals | arn:aws:iam::111122223333:user/anna | arn:aws:iam::111122223333:user/anna | no
ArnNotEquals | arn:aws:iam::111122223333:user/anna | - | yes
ArnNotLike | arn:aws:iam::111122223333:user/a* | arn:aws:iam::111122223333:user/anna | no
ArnNotLike | arn:aws:iam::111122223333:user/a* | arn:aws:iam::111122223333:user/bert | yes
ArnNotLike | arn:aws:iam::111122223333:user/a* | - | yes
Null | true | - | yes
Null | true | red | no
Null | false | red | yes
Null | false | - | no
Null | true; false | red | yes
Null | red | red | refused
StringEqualsIfExists | red | red | yes
StringEqualsIfExists | red | blue | no
StringEqualsIfExists | red | - | yes
StringNotEqualsIfExists | red | red | no
StringNotEqualsIfExists | red | - | yes
StringLikeIfExists | r* | - | yes
StringLikeIfExists | r* | blue | no
NumericLessThanIfExists | 5 | - | yes
NumericLessThanIfExists | 5 | 6 | no
DateGreaterThanIfExists | 2026-11-24 | - | yes
BoolIfExists | true | - | yes
BoolIfExists | true | false | no
IpAddressIfExists | 203.0.113.0/24 | - | yes
IpAddressIfExists | 203.0.113.0/24 | 192.0.2.1 | no
ArnLikeIfExists | arn:aws:iam::*:user/a* | - | yes
NullIfExists | true | - | refused
ForAllValues:StringEquals | red; blue | red | yes
ForAllValues:StringEquals | red; blue | red; blue | yes
ForAllValues:StringEquals | red; blue | red; green | no
ForAllValues:StringEquals | red; blue | green | no
ForAllValues:StringEquals | red; blue | - | yes
ForAllValues:StringNotEquals | red | blue; green | yes
ForAllValues:StringNotEquals | red | blue; red | no
ForAllValues:StringNotEquals | red | - | yes
ForAllValues:StringLike | r*; b* | red; blue | yes
ForAllValues:StringLike | r* | red; blue | no
ForAllValues:StringEqualsIgnoreCase | red | RED; Red | yes
ForAllValues:NumericLessThan | 5 | 1; 4 | yes
ForAllValues:NumericLessThan | 5 | 1; 6 | no
ForAllValues:StringEqualsIfExists | red | - | yes
ForAnyValue:StringEquals | red; blue | red; green | yes
ForAnyValue:StringEquals | red; blue | green | no
ForAnyValue:StringEquals | red; blue | - | no
ForAnyValue:StringNotEquals | red | red; blue | yes
ForAnyValue:StringNotEquals | red | red | no
ForAnyValue:StringNotEquals | red | - | no
ForAnyValue:StringLike | r* | blue; red | yes
ForAnyValue:StringLike | r* | blue; green | no
ForAnyValue:IpAddress | 203.0.113.0/24 | 192.0.2.1; 203.0.113.7 | yes
ForAnyValue:StringEqualsIfExists | red | - | yes
ForSomeValue:StringEquals | red | red | refused
ForAnyValue:Null | true | - | refused
stringequals | red | red | refused
StringMatches | red | red | refused
constructor | red | red | refused
`)

/** Version | Resource | facts | the ARN asked for | whether the statement is about it. */
export const variableCases = table(`
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/bert | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username}-* | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna-red | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${AWS:UserName} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=Anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | - | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=* | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=a?na | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=\${aws:userid} | arn:aws:personalize:us-east-1:111122223333:solution/\${aws:userid} | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username, 'guest'} | - | arn:aws:personalize:us-east-1:111122223333:solution/guest | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username, 'guest'} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/guest | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username, 'guest'} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username,'g*'} | - | arn:aws:personalize:us-east-1:111122223333:solution/guest | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${*} | - | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${*} | - | arn:aws:personalize:us-east-1:111122223333:solution/* | yes
2012-10-17 | arn:aws:personalize:*:*:solution/a\${?} | - | arn:aws:personalize:us-east-1:111122223333:solution/a? | yes
2012-10-17 | arn:aws:personalize:*:*:solution/a\${?} | - | arn:aws:personalize:us-east-1:111122223333:solution/ab | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${$}a | - | arn:aws:personalize:us-east-1:111122223333:solution/$a | yes
2012-10-17 | arn:aws:personalize:*:*:solution/$a | - | arn:aws:personalize:us-east-1:111122223333:solution/$a | yes
2012-10-17 | arn:aws:personalize:*:\${aws:PrincipalAccount}:solution/* | aws:principalaccount=111122223333 | arn:aws:personalize:us-east-1:111122223333:solution/a | yes
2012-10-17 | arn:aws:personalize:*:\${aws:PrincipalAccount}:solution/* | aws:principalaccount=444455556666 | arn:aws:personalize:us-east-1:111122223333:solution/a | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:RequestTag/Team}-\${aws:username} | aws:username=anna, aws:requesttag/team=red | arn:aws:personalize:us-east-1:111122223333:solution/red-anna | yes
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:TagKeys} | aws:tagkeys=red;blue | arn:aws:personalize:us-east-1:111122223333:solution/red | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${} | - | arn:aws:personalize:us-east-1:111122223333:solution/ | no
2012-10-17 | arn:aws:personalize:*:*:solution/\${aws:username | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | refused
2008-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
2008-10-17 | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/\${aws:username} | yes
2008-10-17 | arn:aws:personalize:*:*:solution/\${*} | - | arn:aws:personalize:us-east-1:111122223333:solution/\${anna} | yes
- | arn:aws:personalize:*:*:solution/\${aws:username} | aws:username=anna | arn:aws:personalize:us-east-1:111122223333:solution/anna | no
`)

/** Statements as effect, action and the end of the ARN | the action | the end of the ARN | what is decided. */
export const orderCases = table(`
- | personalize:DeleteFilter | filter/a | implicitDeny
Allow * * | personalize:DeleteFilter | filter/a | allowed
Deny * * | personalize:DeleteFilter | filter/a | explicitDeny
Allow * *; Deny * * | personalize:DeleteFilter | filter/a | explicitDeny
Deny * *; Allow * * | personalize:DeleteFilter | filter/a | explicitDeny
Allow * *; Allow * * | personalize:DeleteFilter | filter/a | allowed
Allow * *; Deny personalize:Delete* * | personalize:DeleteFilter | filter/a | explicitDeny
Allow * *; Deny personalize:Delete* * | personalize:CreateFilter | filter/a | allowed
Deny personalize:Delete* *; Allow * * | personalize:CreateFilter | filter/a | allowed
Allow personalize:DeleteFilter filter/a; Deny personalize:* * | personalize:DeleteFilter | filter/a | explicitDeny
Allow personalize:DeleteFilter filter/a; Deny personalize:* filter/b | personalize:DeleteFilter | filter/a | allowed
Allow personalize:DeleteFilter filter/a; Deny personalize:* filter/b | personalize:DeleteFilter | filter/b | explicitDeny
Allow personalize:DeleteFilter filter/a | personalize:DeleteFilter | filter/b | implicitDeny
Allow personalize:DeleteFilter filter/a | personalize:CreateFilter | filter/a | implicitDeny
Allow personalize:Delete* filter/*; Allow personalize:Create* solution/* | personalize:CreateFilter | filter/a | implicitDeny
Allow personalize:Delete* filter/*; Allow personalize:Create* solution/* | personalize:DeleteFilter | filter/a | allowed
Allow personalize:Delete* filter/*; Allow personalize:Create* solution/* | personalize:CreateSolution | solution/a | allowed
Deny personalize:Delete* filter/a | personalize:CreateFilter | filter/a | implicitDeny
Deny personalize:Delete* filter/a | personalize:DeleteFilter | filter/a | explicitDeny
Deny personalize:Delete* filter/a; Deny * * | personalize:DeleteFilter | filter/a | explicitDeny
Allow personalize:* *; Deny iam:PassRole * | personalize:DeleteFilter | filter/a | allowed
Allow personalize:* filter/*; Deny personalize:* filter/secret* | personalize:DeleteFilter | filter/secret-a | explicitDeny
Allow personalize:* filter/*; Deny personalize:* filter/secret* | personalize:DeleteFilter | filter/a | allowed
Allow personalize:* filter/*; Deny personalize:* filter/secret* | personalize:DeleteFilter | solution/a | implicitDeny
Allow * *; Allow personalize:* *; Deny PERSONALIZE:deletefilter * | personalize:DeleteFilter | filter/a | explicitDeny
`)

function table(text: string): string[][] {
  return text
    .trim()
    .split('\n')
    .map((line) => line.split(' | '))
}
