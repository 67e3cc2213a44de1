"""Words that names of owners in public records are made of."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Given names that are rarely anybody's surname, nor a town: after these alone "Sarah Jones" is read as given name,
#: surname. Compiled by hand from the most common given names of the US Census lists.
GIVEN = _words(
    """
    aaron abigail adam adriana agnes aidan alana alejandra alejandro alfredo alice alicia alison allison alyssa
    amanda amber amelia amy ana andrea andrew andy angela angelica angie anita ann anna anne annette annie
    antonio april ariana arlene armando arthur audrey barbara beatrice becky belinda benny bernadette bernard
    bernice bertha beth bethany betsy betty beverly bill billy bob bobby bonnie brad bradley brandi brandon
    brandy brenda brendan brett brian brianna bridget brittany brittney bryan caitlin candace candice carl carla
    carlos carmen carol caroline carolyn carrie cassandra catherine cathy cecilia chad charlene charlie chelsea
    cheryl chris christina christine christopher christy cindy claire clara claudia clifford colleen connie
    constance corey cory cristina crystal cynthia daisy dan dana daniela danielle danny darlene darren dave dawn
    deanna debbie deborah debra delores denise derek derrick desiree diana diane dianne dolores donald donna
    doreen doris dorothy doug dwayne dylan ed eddie edith edna eduardo edward edwin eileen elaine eleanor elena
    elisa eliza elsie emily emma enrique eric erica erik erika erin ernest esther ethan ethel eugene eva evan
    evelyn felicia fernando frances francisco frank fred freddie frederick gabriela gabrielle gary gene geoffrey
    geraldine gina gladys gloria greg gretchen guadalupe gwendolyn hannah harold harry hazel heather hector
    heidi helen herbert hilda holly ian ida ignacio irene irma isabel isabella jack jackie jacqueline jaime jake
    jamie jan jane janet janice janine jared jasmine jason javier jay jean jeanette jeanne jeff jeffery jeffrey
    jen jenna jennifer jenny jeremy jerry jesse jessica jesus jill jim jimmy jo joan joann joanna joanne jodi
    jody joe joel joey johanna john johnny jon jonathan jorge jose josephine josh joshua juan juana juanita
    judith judy julia julian julie june justin kaitlyn kara karen kari karl karla kate katelyn katherine
    kathleen kathryn kathy katie katrina kayla kelli kellie kelsey ken kendra kenneth kenny kevin kimberly
    kirsten kris krista kristen kristi kristin kristina kristine kristy kurt kyle larry latoya laura lauren
    laurie leah lena leticia lillian lillie linda lindsay lindsey lisa liz lois loretta lori lorraine louis
    louise lucas lucia lucille lucy luis luke luz lydia lyle mabel mandy manuel marc marcia marcus margaret
    margarita margie maria marian marianne marie marilyn mario marissa marjorie mark marlene marsha martha
    marvin mary maryann matt matthew maureen maxine megan meghan melanie melinda melissa melvin mercedes
    meredith michael michele michelle miguel mike mildred minnie miranda miriam misty molly monica monique
    muriel myra nadine nancy naomi natalie natasha nathaniel nicholas nichole nick nicole nina noah nora norma
    olga olivia oscar pablo pam pamela patricia patsy patti patty paula pauline pedro peggy penny pete peter
    phil philip phillip phyllis priscilla rachael rachel rafael ralph ramona randy raul rebecca rebekah regina
    rene renee rhonda ricardo rich richard rick ricky rita rob robert roberta roberto robin robyn rochelle
    roderick rodney roger roland ron ronald ronnie rosa rosalie rosemary rosie roxanne ruben ruby ruth ryann
    sabrina sally salvador sam samantha samuel sandra sandy sara sarah scotty sean sergio shane shari sharon
    shaun shawn sheila sheri sherri sherry sheryl shirley sonia sonya sophia sophie stacey stacy stella
    stephanie stephen steve steven stuart sue susan susie suzanne sylvia tabitha tamara tami tammy tanya tara
    tasha ted teresa teri terri thelma theodore theresa tiffany tim timothy tina tom tommy toni tony tonya
    tracey traci tracy travis tricia trisha troy valerie vanessa velma verna vernon veronica vicki vickie vicky
    victor vincenzo viola violet vivian wanda wendy wesley wilma yolanda yvette yvonne zachary zoe
    """
)
#: Given names that are as well a common surname or a place: believed only where the record itself says which part is
#: the given name, that is after the comma of ``SMITH, JOHN A``.
GIVEN_OR_OTHER = _words(
    """
    alan albert alexander alexis alfred allan allen allyson alvin andre angel anthony arnold ashley austin
    benjamin blake bradford brooke bruce bryant byron caleb calvin cameron carlton carter cecil charles
    charlotte chester christian clarence clark claude clayton clinton clyde cody cole courtney craig curtis dale
    dallas daniel darrell darryl david dean dennis douglas drew duane dustin earl edgar elijah elizabeth ellen
    elliot elliott emanuel emmanuel ernesto eugenia faith felix florence floyd francis franklin gabriel garrett
    gavin george georgia gerald gerard gilbert glen glenn gordon grace grant gregory guy harriet harrison harvey
    henry herman homer hope howard hugh hunter irving isaac isaiah ivan jackson jacob jaden james jasper jerome
    jordan joseph joyce karina kay keith kelly kim kimberley kirk laurence lawrence lee leo leon leonard leroy
    leslie lester levi lewis liam lloyd logan lonnie lynn mackenzie madison malcolm marcos marshall martin mason
    maurice max melody micah mitchell mohammed morgan morris myron nathan neal neil nelson nicolas noel norman
    oliver orlando owen patrick paul perry preston quentin randall randolph ray raymond reginald rex riley rose
    ross roy russell ryan savannah scott sebastian seth shannon sidney simon spencer stanley stewart taylor
    terence terrance terrence terry thomas todd tristan tyler vera victoria vincent virgil virginia wade wallace
    walter warren wayne whitney willard william willie xavier
    """
)
#: Surnames so common, and so rarely given names, that the other word beside one is the given name if it is any.
SURNAMES = _words(
    """
    adams aguilar alvarez anderson baker barnes bennett brown burns butler campbell castillo castro chavez collins
    cook cooper cox cruz davis diaz edwards espinoza evans fernandez fisher flores foster garcia gibson gomez
    gonzales gonzalez graham gutierrez guzman harris hernandez hoffman hughes jenkins jimenez johnson jones lopez
    martinez mcdonald medina mendez mendoza miller morales moreno murphy myers nguyen ortiz palmer parker patel
    patterson peterson phillips powell ramirez ramos reyes reynolds richardson rivera roberts robinson rodriguez
    rodgers rogers romero ruiz salazar sanchez sanders santiago schmidt simmons smith soto stevens sullivan thompson
    torres tran turner vargas vasquez vazquez walker watson weaver webb williams williamson wilson wright
    """
)
#: Words after a given name that belong to it: MARY ANN is not Mary.
SECOND_HALVES = _words(
    """
    ann anne beth bob ellen faye jane jean jo joe kay lee lou louise lynn mae pat rae rose sue
    """
)
#: What follows a name and is not part of it.
SUFFIXES = _words(
    """
    dds esq ii iii iv jr md phd sr v
    """
)
#: Words that begin a surname of several: VAN DER BERG, DE LA CRUZ, ST JOHN.
PREFIXES = _words(
    """
    da de del della den der di dos du la le mac mc o saint st van vander von zu zum zur
    """
)
#: How surnames begin that end with a given name: MC DONALD.
CLAN = ("mc ", "mac ", "o ")
#: Words that before a given name make something other than a person's name: Casa Maria, San Jose, Mister John.
FRONTS = _words(
    """
    aunt bar bella big cafe camp casa chez corte costa don dona doctor dr el fort ft hacienda isla la lady las little
    los madre mama miss mister monte mount mr mrs ms mt new north old padre papa pastor port prof puerto punta rancho
    reverend san sant santa santo sister south team tia tienda tio uncle villa west east young
    """
)
#: Words that make an owner an organisation, a trust, an estate or a public body.
NO_PERSON = _words(
    """
    acres adventist agency apartments apostolic apts assembly assn assoc associates association assocs attn auth
    authority auto bancorp bank baptist bishop board borough bros brothers builders building bureau c/o capital care
    catholic cemetery center centre chapel charitable christ church city cleaning club co college commission
    commissioners common communities community company condo condominium condominiums congregation
    congregational conservancy construction consulting contractors coop cooperative corp corporation council
    county credit dba decd deceased decedent department dept design designs developers development diocese dist
    district endowment enterprise enterprises equities equity est estate estates evangelical exec executor
    executors executrix family farm farms fbo federal fellowship fha finance financial foundation fund garage
    gmbh government group guardian habitat heir heirs hoa holding holdings homeowners homes hospital hotel
    housing iglesia inc incorporated industries inn institute insurance international invest investment
    investments investors irrev irrevocable islamic jehovah l/e land lands leasing lender lending life limited
    living llc llp lodge logistics lp lt ltd lutheran management market marketing media methodist mgmt
    ministerio ministries ministry mortgage mosque motel motors municipal municipality museum national nominee
    orthodox owner owners parish park partners partnership pc pentecostal personal plan pllc plumbing post
    presbyterian prop properties property public railroad railway ranch realty redevelopment rental rentals
    representative residence residential resources restaurant retirement rev revoc revocable roofing salon
    savings school schools services shop society solutions sons state storage store studio studios supply survivor
    survivors synagogue synod systems technologies temple title town township tr transport trs trst trucking
    trust trustee trustees trusts ttee ttees union united university unknown usa utilities utility ventures
    village water worship
    """
)
#: After a given name these more often make a town or a building than a person: Carol Stream, Sandy Springs.
PLACES = _words(
    """
    arms avenue beach bluff bluffs bridge brook canyon cliffs coast corner corners court cove creek crest
    crossing dale falls fields forest garden gardens glen green grove harbor haven heights hill hills hollow
    island islands junction key knoll lake lakes landing lane lodge lofts manor meadow meadows mesa mill mills
    mound mount mountain oaks orchard pass pines place plains plaza point pond port prairie rapids ridge river
    road rock run sands shore shores spring springs square stream street summit terrace towers trace trail
    tuesday vale valley view villa villas vista walk way woods
    """
)
