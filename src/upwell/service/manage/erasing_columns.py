"""What erasing a device does with each column that could hold its id or its name: the decision, table by table.

Holds: every column of type uuid, text, jsonb or of arrays of those is here; a test fails for a new one until somebody
decides. Whatever is decided, the last look reads all of them for what can mean this device alone.
"""

from collections.abc import Mapping
from enum import StrEnum


class Deed(StrEnum):
    """What becomes of a column of a row that says the device."""

    ROW = "row"  # the row tells of this device alone, and goes
    GOES = "goes"  # it goes with its row
    ID = "id"  # the id of a device: the pseudonym takes its place
    OWN = "own"  # the name of the row's own device, so it is replaced where that is this one
    TEXT = "text"  # whoever wrote it may have named the device: the word takes the name's place
    NAMES = "names"  # it names devices: as text, and also where the name could be any word
    THING = "thing"  # the name of another thing of the owner's, who is told where it has the device's
    PLACE = "place"  # how far a walk over devices came: emptied once it is over
    NEVER = "never"  # our own words, versions, numbers and ids of other things, digests, what is encrypted


_DEVICE = """
access_key           key_id,secret,role,dialect:never user_name:never
account              name:never rollout_defaults:text
account_quota
audit                who,tongue,address,operation,result,request_id:never ids,changes:text
audit_stranger       address:never
budget               halt,growth:text
decision             what,by,result:never reason,numbers:text
delivery             subject,body,answer,problem:text kind:never
device               device_id:row name,public_id:own nickname,description,facts:text
                     secret,iot_id,secondary_secret,sdk_version:never
device_group         name:thing description,condition,condition_text:text kind:never
device_hours         key,value:never hours:never
device_import        product_key,form,object_key,status:never who:never columns,problem:text
device_line          device_id:row kind,module,source,version,reason,address:never what,who,detail:text
device_past          device_id:row iot_id,public_id:goes
device_tag           device_id:row key:never value:text
event                subject,name,facts:text public_id:names device_id:id kind,product_key:never
event_head
event_made           device_id:id name,facts:text kind:never
event_setting
failure_count        examples:id reason,module,source_version,vendor:never
fleet_count
fleet_limit
fleet_pace
flow_limit
group_member         device_id:row
heard                device_id:row
hook                 name:thing description:text
hook_action          url,token,server_name:never
iam_attempt
iam_token
iam_user             name,role,issuer,subject:never
import_problem       parameter:never problem,advice:text
imported             device_id:id
job                  kind,selection,status,protocol,part,outcome,made_by,paused_by:never
                     source_versions,led_from:never name,status_desc,paused_why,tags,ext_info,facts:text targets:names
                     cursor_device,until_device,walk_after,forgotten_to:place
job_act              what,states,asked_by,cursor_state,source_version:never reason,description:text
                     cursor_device:place
job_approval         stands,makers,decided_by:never remark:text
job_at_work          device_id:row
job_count            state,outcome:never
job_course
job_hours            hours:never
job_lot              device_id:row
job_mark             device_id:row
job_missed           device_id:id
job_noted            progress:never
job_offer            device_id:id verdict:never
job_package
job_step             version:never
job_stratum          vendor,module,source_version:never
job_stray            device_id:id name:names
job_stretch
job_target           device_id:id
job_wave             after_device:id opened_by:never
kept_answer          who:never
module               name:never alias,description:text
module_version       device_id:row module,version,said:goes
news                 url,part,space,progress:never reason:text
node                 node_id,program,sealed_by,opens:never
nonce                key_id,nonce:never
pace
package              name:thing description,object_problem,udi:text
                     module,version,source_version,status,object_key,md5,sha256,url,sign_method,object_state:never
                     object_tag,region,bucket,bucket_key,sign,sign_word,object_fault:never
                     files,source_versions:never
parted_upload        who,status,expected,object_key,md5,sha256:never name,problem:text
policy               module,source_version,destination:never
presence             device_id:row node_id,connection_id,former_node,former_connection,vendor:goes address:goes
product              product_key,product_secret:never name:thing facts,rollout_defaults:text
rate                 action:never
receiver             url,secret,former_secret,kinds:never name:thing reason:text
refused_login        name:row product_key,address,vendor,reason:goes
registered           device_id:id name:own
registration         status:never names:names
rollback             asked_by:never walk_after:place
rollback_part        module,source_version:never
rollout              salt,lacks:never waves,guard,named:text after_device:id
schema_progress      after:never
schema_version
seal_key             key_id,check_value:never
secret               name:never
session              session_id,tongue,address:never
setback              device_id:row reason:goes
shut_out             device_id:row node_id,connection_id:goes
space                key:never name:thing
survey               what,status:never asked,found,problem:text after_device:place
sweep                what:never device_id:place
target_file          file_id,object_key:never name:thing
task                 device_id:id module,slot,state,source_version,failure_ref,awaiting,outcome:never
                     node_id,offered_on:never description,reason:text
task_change          device_id:id event,from_state,to_state:never detail:text
topology             device_id:row gateway_id:row
upload               object_key,md5,sha256,purpose:never
upload_part          object_key,sha256:never
version_count        module,version:never
version_hour         module,version:never
version_past         device_id:row module,version:goes
"""

ERASURE = "erasure"  # the table of what is being erased, which knows all of it until the end
FIRST = ("event_made", "delivery", "event", "task", "job", "device_line")
"""Tables that others are filled from are looked through before those."""


def _read(text: str) -> Mapping[str, Mapping[str, Deed]]:
    tables: dict[str, dict[str, Deed]] = {}
    for line in text.strip().splitlines():
        table, *decided = line.split()
        if line[0].isspace():  # it goes on with the table before
            decided, table = [table, *decided], list(tables)[-1]
        parts = (each.partition(":") for each in decided)
        tables.setdefault(table, {}).update({name: Deed(deed) for names, _, deed in parts for name in names.split(",")})
    return tables


DEVICE: Mapping[str, Mapping[str, Deed]] = _read(_DEVICE)


def in_order(tables: list[str]) -> list[str]:
    """The tables as they are to be looked through."""
    return [each for each in FIRST if each in tables] + sorted(set(tables) - {*FIRST, ERASURE})
